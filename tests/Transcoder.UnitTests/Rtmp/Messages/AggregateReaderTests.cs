using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Messages;

public sealed class AggregateReaderTests : IDisposable
{
    private readonly TrackingBufferPool _pool = new();

    /// <summary>Time of the aggregate, its body (RTMP 1.0 §7.1.6), and each part as type, time and body.</summary>
    public static TheoryData<uint, string, string> Bodies => new()
    {
        { 1000, "08000002" + "000000" + "00" + "000000" + "AABB" + "0000000D", "8 1000 AABB" },
        { 1000, "0800000100000500000000AA0000000C" + "0900000100001900000000BB0000000C", "8 1000 AA;9 1020 BB" },
        { 5, "09000001FFFFF000000000AA0000000C" + "0900000100000401000000BB0000000C", "9 5 AA;9 25 BB" },
        { 0xFFFFFFF0, "0900000100000000000000AA0000000C" + "0900000100002000000000BB0000000C", "9 4294967280 AA;9 16 BB" },
        { 7, "0800000100000000000000AA0000000C" + "0900000900000000000000BB", "8 7 AA" },
        { 7, "0800000100000000000000AA", "8 7 AA" },
        { 7, "0800000000000000000000" + "0000000B" + "12000001000000000000000500" + "00000C", "8 7 ;18 7 05" },
        { 7, "", "" },
        { 7, "08FFFFFF", "" },
        { 7, "08FFFFFF00000000000000AA", "" },
    };

    public void Dispose() => _pool.Dispose();

    [Theory]
    [MemberData(nameof(Bodies))]
    public void The_parts_come_one_by_one_at_the_aggregates_time_and_stream(uint time, string hex, string expected)
    {
        using var reader = new AggregateReader(_pool);
        var body = Convert.FromHexString(hex);
        var block = _pool.Rent(body.Length);
        body.CopyTo(block.Span);
        reader.Begin(new RtmpMessage(MessageType.Aggregate, 6, 9, time, block, body.Length));
        var parts = new List<string>();
        while (reader.TryRead(out var part))
        {
            Assert.Equal(9u, part.StreamId);
            parts.Add($"{(byte)part.Type} {part.Timestamp} {Convert.ToHexString(part.Body)}");
            part.Buffer.Release();
        }

        Assert.Equal(expected, string.Join(';', parts));
        Assert.False(reader.TryRead(out _));
    }

    [Fact]
    public void What_is_left_when_the_connection_ends_is_given_back()
    {
        using var reader = new AggregateReader(_pool);
        reader.Begin(new RtmpMessage(MessageType.Aggregate, 6, 1, 0, _pool.Rent(100), 100));
        reader.Begin(new RtmpMessage(MessageType.Aggregate, 6, 1, 0, _pool.Rent(100), 100));
    }
}
