namespace Transcoder.Fuzz.Hunting;

/// <summary>Tags of a file (FLV 10.1 §E.4), and their bodies with the headers of Enhanced RTMP.</summary>
internal sealed class FlvShape(bool isFile) : IShape
{
    private const int TagHeader = 11;
    private const int FileHeader = 13;

    private static readonly string[] FourCcs = ["avc1", "hvc1", "av01", "vp09", "vp08", "vvc1", "mp4a", "Opus", "fLaC", "ac-3", "ec-3", ".mp3"];

    public static byte[] Body(ReadOnlySpan<byte> other, Random random)
    {
        List<byte> body = [];
        if (random.Next(3) == 0)
        {
            body.AddRange(random.Next(2) == 0 ? [(byte)((random.Next(6) << 4) | random.Next(16)), (byte)random.Next(3), 0, 0, (byte)random.Next(256)] : [(byte)random.Next(256), (byte)random.Next(3)]);
        }
        else
        {
            Enhanced(body, random);
        }

        if (other.Length > 0)
        {
            var at = random.Next(other.Length);
            body.AddRange(other.Slice(at, Math.Min(other.Length - at, random.Next(60))));
        }

        return [.. body];
    }

    /// <summary>As in a file and in an aggregate message.</summary>
    public static byte[] Tag(byte[] body, Random random)
    {
        byte[] types = [8, 9, 9, 18];
        var time = random.Next(4) == 0 ? random.Next() : random.Next(200);
        var previous = TagHeader + body.Length;
        return
        [
            types[random.Next(types.Length)], 0, (byte)(body.Length >> 8), (byte)body.Length, (byte)(time >> 16), (byte)(time >> 8), (byte)time, (byte)(time >> 24), 0, 0, 0,
            .. body, 0, 0, (byte)(previous >> 8), (byte)previous,
        ];
    }

    public int Boundary(ReadOnlySpan<byte> bytes, Random random)
    {
        if (!isFile || bytes.Length < FileHeader)
        {
            return random.Next(2) == 0 ? 0 : random.Next(bytes.Length + 1);
        }

        List<int> boundaries = [FileHeader];
        for (var at = FileHeader; at + TagHeader < bytes.Length; boundaries.Add(at))
        {
            var next = at + TagHeader + ((bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) + 4;
            if (next > bytes.Length)
            {
                break;
            }

            at = next;
        }

        return boundaries[random.Next(boundaries.Count)];
    }

    public byte[] Make(ReadOnlySpan<byte> other, Random random) => isFile ? Tag(Body(other, random), random) : Body(other, random);

    private static void Enhanced(List<byte> body, Random random)
    {
        var isAudio = random.Next(3) == 0;
        var kind = random.Next(9);
        var multitrack = isAudio ? 5 : 6;
        var first = isAudio ? 0x90 : 0x80 | (random.Next(1, 6) << 4);
        body.Add((byte)(first | kind));
        while (kind == 7)
        {
            // ModEx: a size, so much data, and the next kind in four bits.
            var size = random.Next(5);
            body.Add((byte)Math.Max(0, size - 1));
            byte[] data = [0, .. BitConverter.GetBytes(random.Next(1_100_000))[..3], 0];
            body.AddRange(data.AsSpan(0, Math.Max(1, size)));
            kind = random.Next(9);
            body.Add((byte)((random.Next(2) << 4) | kind));
        }

        if (kind != multitrack)
        {
            FourCc(body, random);
            return;
        }

        var form = random.Next(4);
        body.Add((byte)((form << 4) | random.Next(5)));
        if (form != 2)
        {
            FourCc(body, random);
        }

        for (var tracks = random.Next(1, 4); tracks > 0; tracks--)
        {
            if (form == 2)
            {
                FourCc(body, random);
            }

            body.Add((byte)random.Next(4));
            if (form != 0)
            {
                var length = random.Next(12);
                body.AddRange([0, 0, (byte)length]);
                for (; length > 0; length--)
                {
                    body.Add((byte)random.Next(256));
                }
            }
        }
    }

    private static void FourCc(List<byte> body, Random random)
    {
        foreach (var character in FourCcs[random.Next(FourCcs.Length)])
        {
            body.Add((byte)character);
        }
    }
}
