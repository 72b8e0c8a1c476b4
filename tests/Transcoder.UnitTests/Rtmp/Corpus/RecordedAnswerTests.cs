using Transcoder.Media;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Clients;
using Transcoder.Testing;
using Transcoder.Testing.Corpus;
using Transcoder.Testing.Rtmp;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Corpus;

/// <summary>What servers answered, replayed to our clients whole, byte by byte and in pieces.</summary>
public sealed class RecordedAnswerTests
{
    private static readonly RtmpUrl Url = RtmpUrl.Parse("rtmp://h/live/s");

    public static TheoryData<RecordedSession> ToPublishers => [.. RecordedSession.Answers.Where(static answer => answer.Name.EndsWith("-publisher", StringComparison.Ordinal))];

    public static TheoryData<RecordedSession> ToPlayers => [.. RecordedSession.Answers.Where(static answer => answer.Name.EndsWith("-play", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(ToPublishers))]
    public async Task A_publisher_is_let_in_however_the_answer_is_cut(RecordedSession answer)
    {
        foreach (var step in (int[])[int.MaxValue, 1, 7, 1000])
        {
            using var pool = new TrackingBufferPool(traces: false);
            await using (var publisher = await ClientOf(answer, step, pool).PublishAsync(Url, CancellationToken.None))
            {
                Assert.NotEqual(Reasons.TargetRefused, publisher.EndReason.Code);
            }

            Assert.Equal(0, pool.RentedBuffers);
        }
    }

    [Theory]
    [MemberData(nameof(ToPlayers))]
    public async Task A_player_gets_the_same_packets_however_they_are_cut(RecordedSession answer)
    {
        using var pool = new TrackingBufferPool(traces: false);
        var whole = await PlayAsync(answer, int.MaxValue, pool);
        Assert.True(whole.Count > 20, $"{whole.Count} packets");
        foreach (var step in (int[])[1, 7, 1000])
        {
            Assert.Equal(whole, await PlayAsync(answer, step, pool));
        }

        Assert.Equal(0, pool.RentedBuffers);
    }

    private static async Task<List<string>> PlayAsync(RecordedSession answer, int step, TrackingBufferPool pool)
    {
        List<string> packets = [];
        await using var player = await ClientOf(answer, step, pool).PlayAsync(Url, CancellationToken.None);
        while (await player.ReadAsync(CancellationToken.None) is { } packet)
        {
            packets.Add($"{packet.Track.Codec} {packet.Dts} {packet.Pts} {packet.Flags} {Convert.ToHexString(packet.Payload.Span)}");
            packet.Release();
        }

        return packets;
    }

    private static RtmpClient ClientOf(RecordedSession answer, int step, TrackingBufferPool pool) =>
        new(RtmpOptions.Default, pool, new RtmpStatistics(), TimeProvider.System, (_, _) => new(new AnsweringStream(answer.Bytes, step)));
}
