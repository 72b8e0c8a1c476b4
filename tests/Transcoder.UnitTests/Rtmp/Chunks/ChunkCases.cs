namespace Transcoder.UnitTests.Rtmp.Chunks;

/// <summary>One message that a case holds.</summary>
internal sealed record ExpectedMessage(byte Type, uint ChunkStreamId, uint StreamId, uint Timestamp, byte[] Body);

/// <param name="IsOurs">The bytes are exactly what our writer makes of the messages.</param>
internal sealed record ChunkCase(string Name, byte[] Bytes, ExpectedMessage[] Messages, int ChunkSize = 128, bool IsOurs = false)
{
    public override string ToString() => Name;
}

/// <summary>Chunk streams byte by byte, written from RTMP 1.0 §5.3.1: one table for decoding, encoding and cutting.</summary>
internal static class ChunkCases
{
    private static readonly byte[] Body200 = [.. Enumerable.Range(0, 200).Select(static value => (byte)value)];

    public static readonly ChunkCase[] All =
    [
        new("type 0, short body", [0x03, 0, 0, 5, 0, 0, 2, 20, 1, 0, 0, 0, 0xAA, 0xBB], [new(20, 3, 1, 5, [0xAA, 0xBB])], IsOurs: true),
        new("empty body", [0x04, 0, 0, 5, 0, 0, 0, 8, 1, 0, 0, 0], [new(8, 4, 1, 5, [])], IsOurs: true),
        new("two chunks", [0x06, 0, 0, 9, 0, 0, 200, 9, 1, 0, 0, 0, .. Body200[..128], 0xC6, .. Body200[128..]], [new(9, 6, 1, 9, Body200)], IsOurs: true),
        new(
            "body of exactly one chunk",
            [0x06, 0, 0, 9, 0, 0, 128, 9, 1, 0, 0, 0, .. Body200[..128]],
            [new(9, 6, 1, 9, Body200[..128])],
            IsOurs: true),
        new("two-byte chunk stream id", [0x00, 0, 0, 0, 1, 0, 0, 1, 8, 0, 0, 0, 0, 7], [new(8, 64, 0, 1, [7])]),
        new("three-byte chunk stream id", [0x01, 2, 1, 0, 0, 1, 0, 0, 1, 8, 0, 0, 0, 0, 7], [new(8, 64 + 2 + 256, 0, 1, [7])]),
        new(
            "types 1, 2 and 3 add their delta, type 3 the last one",
            [
                0x04, 0, 3, 0xE8, 0, 0, 1, 8, 1, 0, 0, 0, 1,
                0x44, 0, 0, 20, 0, 0, 2, 8, 2, 2,
                0x84, 0, 0, 30, 3, 3,
                0xC4, 4, 4,
            ],
            [new(8, 4, 1, 1000, [1]), new(8, 4, 1, 1020, [2, 2]), new(8, 4, 1, 1050, [3, 3]), new(8, 4, 1, 1080, [4, 4])]),
        new(
            "type 3 after type 0 begins a message at the same time",
            [0x04, 0, 3, 0xE8, 0, 0, 1, 8, 1, 0, 0, 0, 1, 0xC4, 2],
            [new(8, 4, 1, 1000, [1]), new(8, 4, 1, 1000, [2])]),
        new(
            "type 3 after type 0 with a short time adds it, as FFmpeg means it",
            [0x04, 0, 0, 23, 0, 0, 1, 8, 1, 0, 0, 0, 1, 0xC4, 2, 0xC4, 3],
            [new(8, 4, 1, 23, [1]), new(8, 4, 1, 46, [2]), new(8, 4, 1, 69, [3])]),
        new(
            "a chunk stream that begins with type 1",
            [0x42, 0, 0, 0, 0, 0, 6, 4, 0, 6, 0, 0, 0, 1],
            [new(4, 2, 0, 0, [0, 6, 0, 0, 0, 1])]),
        new(
            "interleaved messages and a chunk size that changes between",
            [
                0x06, 0, 0, 1, 0, 0, 200, 9, 1, 0, 0, 0, .. Body200[..128],
                0x02, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 50,
                0x04, 0, 0, 2, 0, 0, 1, 8, 1, 0, 0, 0, 0x55,
                0xC6, .. Body200[128..178],
                0xC6, .. Body200[178..],
            ],
            [new(8, 4, 1, 2, [0x55]), new(9, 6, 1, 1, Body200)]),
        new(
            "abort drops the partial message",
            [
                0x06, 0, 0, 1, 0, 0, 200, 9, 1, 0, 0, 0, .. Body200[..128],
                0x02, 0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 6,
                0x46, 0, 0, 1, 0, 0, 1, 9, 0x66,
            ],
            [new(9, 6, 1, 2, [0x66])]),
        new(
            "a new header drops the old partial message",
            [0x06, 0, 0, 1, 0, 0, 200, 9, 1, 0, 0, 0, .. Body200[..128], 0x06, 0, 0, 8, 0, 0, 1, 9, 1, 0, 0, 0, 0x77],
            [new(9, 6, 1, 8, [0x77])]),
        new(
            "the last time that fits 24 bits",
            [0x06, 0xFF, 0xFF, 0xFE, 0, 0, 1, 9, 1, 0, 0, 0, 1],
            [new(9, 6, 1, 0xFFFFFE, [1])],
            IsOurs: true),
        new(
            "extended time, repeated in type 3",
            [0x06, 0xFF, 0xFF, 0xFF, 0, 0, 200, 9, 1, 0, 0, 0, 1, 2, 3, 4, .. Body200[..128], 0xC6, 1, 2, 3, 4, .. Body200[128..]],
            [new(9, 6, 1, 0x01020304, Body200)],
            IsOurs: true),
        new(
            "extended time of exactly 2^24 - 1",
            [0x06, 0xFF, 0xFF, 0xFF, 0, 0, 1, 9, 1, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 1],
            [new(9, 6, 1, 0xFFFFFF, [1])],
            IsOurs: true),
        new(
            "extended time, left out of type 3",
            [0x06, 0xFF, 0xFF, 0xFF, 0, 0, 200, 9, 1, 0, 0, 0, 1, 2, 3, 4, .. Body200[..128], 0xC6, .. Body200[128..]],
            [new(9, 6, 1, 0x01020304, Body200)]),
        new(
            "left out once, a payload that looks like the time is payload",
            [
                0x06, 0xFF, 0xFF, 0xFF, 0, 0, 130, 9, 1, 0, 0, 0, 1, 2, 3, 4, .. Body200[..128], 0xC6, 9, 9,
                0x06, 0xFF, 0xFF, 0xFF, 0, 0, 132, 9, 1, 0, 0, 0, 1, 2, 3, 4, .. Body200[..128], 0xC6, 1, 2, 3, 4,
            ],
            [new(9, 6, 1, 0x01020304, [.. Body200[..128], 9, 9]), new(9, 6, 1, 0x01020304, [.. Body200[..128], 1, 2, 3, 4])]),
        new(
            "an extended delta, its type 3 with the absolute time",
            [
                0x06, 0, 0, 1, 0, 0, 1, 9, 1, 0, 0, 0, 1,
                0x46, 0xFF, 0xFF, 0xFF, 0, 0, 130, 9, 1, 0, 0, 0, .. Body200[..128], 0xC6, 1, 0, 0, 1, 8, 8,
            ],
            [new(9, 6, 1, 1, [1]), new(9, 6, 1, 0x01000001, [.. Body200[..128], 8, 8])]),
        new(
            "the 32-bit clock wraps",
            [0x04, 0xFF, 0xFF, 0xFF, 0, 0, 1, 8, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xF0, 1, 0x44, 0, 0, 0x20, 0, 0, 1, 8, 2],
            [new(8, 4, 1, 0xFFFFFFF0, [1]), new(8, 4, 1, 0x10, [2])]),
    ];
}
