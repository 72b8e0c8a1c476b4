using Transcoder.Host.Verbs;
using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Clients;
using Transcoder.Testing;
using Transcoder.Testing.Rtmp;
using Transcoder.UnitTests.Rtmp;
using Transcoder.UnitTests.Rtmp.Sessions;
using Xunit;

namespace Transcoder.UnitTests.Host.Verbs;

public sealed class LastingPublisherTests : SessionTest
{
    private static readonly RtmpUrl Url = RtmpUrl.Parse("rtmp://h/live/s");
    private readonly Queue<MemoryConnection> _connections = new();
    private readonly RtmpClient _client;
    private readonly StringWriter _output = new();

    public LastingPublisherTests()
    {
        _connections.Enqueue(Connection);
        _client = new RtmpClient(RtmpOptions.Default, Pool, new RtmpStatistics(), Clock, (_, _) => new(new PipeStream(_connections.Dequeue().Client)));
    }

    [Fact]
    public async Task It_goes_over_at_a_keyframe_and_every_picture_arrives_once()
    {
        await using var lasting = await StartAsync();
        await lasting.WriteAsync(Pool.Video(0, keyframe: true), default);
        var first = Application.Sink;
        _connections.Enqueue(Another().Connection);
        Assert.Equal(1, Handler.RequestReconnect(null));
        var at = 0;
        while (_output.ToString().Length == 0)
        {
            at += 40;
            Assert.True(at < 100_000);
            await lasting.WriteAsync(Pool.Video(at, keyframe: at % 400 == 0), default);

            // As demuxers mark sound.
            await lasting.WriteAsync(Packet.Copy(Pool, TestPackets.AudioTrack, MediaTime.FromMilliseconds(at), MediaTime.FromMilliseconds(at), PacketFlags.Keyframe, [1]), default);
            await Task.Delay(1);
        }

        var before = await TimesAsync(first, at / 40);
        var after = await TimesAsync(Application.Sink, 1);
        Assert.Equal([at], after);
        Assert.Equal(0, at % 400);
        Assert.Equal(Enumerable.Range(0, at / 40).Select(static i => i * 40L), before);
    }

    [Fact]
    public async Task A_server_that_asked_and_closed_is_found_again_and_goes_on_at_a_keyframe()
    {
        await using var lasting = await StartAsync();
        await lasting.WriteAsync(Pool.Video(0, keyframe: true), default);
        Assert.Equal(1, Handler.RequestReconnect(null));
        Application.Sink.CloseFromHub(new Reason(Reasons.Shutdown, "the appliance stops"));
        await Session.WaitAsync(Patience);
        _connections.Enqueue(Another().Connection);
        var first = Application.Sink;
        var at = 0;
        while (first == Application.Sink)
        {
            at += 40;
            Assert.True(at < 100_000);
            await lasting.WriteAsync(Pool.Video(at), default);
            await Task.Delay(1);
        }

        await lasting.WriteAsync(Pool.Video(5000, keyframe: true), default);
        await lasting.WriteAsync(Pool.Video(5040), default);
        Assert.Equal([5000, 5040], await TimesAsync(Application.Sink, 2));
    }

    [Fact]
    public async Task A_server_that_just_closes_is_the_end()
    {
        await using var lasting = await StartAsync();
        Application.Sink.CloseFromHub(new Reason(Reasons.PublisherReplaced, "another one came"));
        await Session.WaitAsync(Patience);
        await Assert.ThrowsAsync<RtmpException>(async () =>
        {
            for (var at = 0; at < 100_000; at += 40)
            {
                await lasting.WriteAsync(Pool.Video(at, keyframe: true), default);
            }
        });
    }

    private async Task<LastingPublisher> StartAsync() =>
        new(_client, await _client.PublishAsync(Url, CancellationToken.None), Patience, TimeProvider.System, _output);

    private static async Task<List<long>> TimesAsync(FakePacketSink sink, int count)
    {
        var times = new List<long>();
        while (times.Count < count)
        {
            var packet = await sink.Packets.ReadAsync().AsTask().WaitAsync(Patience);
            if (packet.Track.Kind == TrackKind.Video)
            {
                times.Add(packet.Dts.Milliseconds);
            }

            packet.Release();
        }

        return times;
    }
}
