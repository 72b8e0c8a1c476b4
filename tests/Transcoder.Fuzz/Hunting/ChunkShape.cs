namespace Transcoder.Fuzz.Hunting;

/// <summary>Chunks (RTMP 1.0 §5.3): walks them as a server with the chunk size in force does, and makes messages cut into chunks of some size.</summary>
internal sealed class ChunkShape : IShape
{
    private static readonly byte[] Types = [1, 2, 3, 4, 5, 6, 8, 9, 15, 17, 18, 20, 20, 22];
    private static readonly string[] Commands = ["connect", "createStream", "publish", "play", "deleteStream", "releaseStream", "FCPublish", "_result", "onStatus", "@setDataFrame", "pause"];
    private static readonly int[] HeaderLengths = [11, 7, 3, 0];
    private static readonly int[] Lengths = [0, 1, 4, 127, 128, 129, 300];

    public int Boundary(ReadOnlySpan<byte> bytes, Random random)
    {
        List<int> boundaries = [0];
        Dictionary<int, (int Length, int Left, byte Type)> streams = [];
        var chunkSize = 128;
        for (var at = 0; at < bytes.Length;)
        {
            var form = bytes[at] >> 6;
            var stream = bytes[at] & 63;
            var header = at + 1 + (stream < 2 ? stream + 1 : 0);
            var body = header + HeaderLengths[form];
            if (body > bytes.Length)
            {
                break;
            }

            stream = stream < 2 ? 64 + bytes[at + 1] : stream;
            streams.TryGetValue(stream, out var state);
            if (form < 2)
            {
                state.Length = (bytes[header + 3] << 16) | (bytes[header + 4] << 8) | bytes[header + 5];
                state.Type = bytes[header + 6];
            }

            state.Left = form < 3 || state.Left == 0 ? state.Length : state.Left;
            var isExtended = form < 3 && bytes.Slice(header, 3).IndexOfAnyExcept((byte)0xFF) < 0;
            var carried = Math.Min(state.Left, chunkSize);
            at = body + (isExtended ? 4 : 0) + carried;
            if (state.Type == 1 && carried == 4 && at <= bytes.Length)
            {
                chunkSize = Math.Max(1, (bytes[at - 3] << 16) | (bytes[at - 2] << 8) | bytes[at - 1]);
            }

            streams[stream] = state with { Left = state.Left - carried };
            if (at <= bytes.Length)
            {
                boundaries.Add(at);
            }
        }

        return boundaries[random.Next(boundaries.Count)];
    }

    public byte[] Make(ReadOnlySpan<byte> other, Random random)
    {
        var form = random.Next(4);
        var type = Types[random.Next(Types.Length)];
        var body = Body(type, other, random);
        List<byte> output = [];
        var stream = random.Next(8) == 0 ? random.Next(64, 66000) : random.Next(2, 9);
        Basic(output, form, stream);
        var isExtended = random.Next(8) == 0;
        if (form < 3)
        {
            Number(output, isExtended ? 0xFFFFFF : random.Next(3) == 0 ? random.Next(1 << 24) : random.Next(50), 3);
        }

        if (form < 2)
        {
            Number(output, body.Length, 3);
            output.Add(type);
        }

        if (form == 0)
        {
            output.AddRange([(byte)random.Next(3), 0, 0, 0]);
        }

        var time = random.Next(2) == 0 ? 0x1000000 : random.Next();
        for (var at = 0; ; at += 128)
        {
            if (isExtended)
            {
                Number(output, time, 4);
            }

            output.AddRange(body.AsSpan(at, Math.Min(128, body.Length - at)));
            if (at + 128 >= body.Length || random.Next(10) == 0)
            {
                return [.. output];
            }

            Basic(output, 3, stream);
        }
    }

    private static byte[] Body(byte type, ReadOnlySpan<byte> other, Random random)
    {
        List<byte> body = [];
        switch (type)
        {
            case 1 or 2 or 3 or 5 or 6:
                Number(body, random.Next(3) == 0 ? random.Next() : random.Next(1, 200), 4);
                if (type == 6)
                {
                    body.Add((byte)random.Next(4));
                }

                return [.. body];
            case 4:
                Number(body, random.Next(8), 2);
                Number(body, random.Next(3), 4);
                return [.. body];
            case 15 or 17 or 18 or 20:
                return [.. type is 15 or 17 ? [(byte)0] : Array.Empty<byte>(), .. AmfShape.Command(Commands[random.Next(Commands.Length)], random)];
            case 22:
                for (var parts = random.Next(4); parts > 0; parts--)
                {
                    body.AddRange(FlvShape.Tag(FlvShape.Body(other, random), random));
                }

                return [.. body];
            default:
                return random.Next(2) == 0
                    ? FlvShape.Body(other, random)
                    : other[..Math.Min(other.Length, Lengths[random.Next(Lengths.Length)])].ToArray();
        }
    }

    private static void Basic(List<byte> output, int form, int stream)
    {
        if (stream < 64)
        {
            output.Add((byte)((form << 6) | stream));
        }
        else if (stream < 320)
        {
            output.AddRange([(byte)(form << 6), (byte)(stream - 64)]);
        }
        else
        {
            output.AddRange([(byte)((form << 6) | 1), (byte)(stream - 64), (byte)((stream - 64) >> 8)]);
        }
    }

    private static void Number(List<byte> output, int value, int size)
    {
        for (var index = size - 1; index >= 0; index--)
        {
            output.Add((byte)(value >> (8 * index)));
        }
    }
}
