using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Outputs.Push;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Clients;
using Transcoder.Streams;
using Transcoder.Streams.Feeds;
using Transcoder.Testing;
using Transcoder.Testing.Rtmp;
using Transcoder.UnitTests.Rtmp;
using Transcoder.UnitTests.Rtmp.Sessions;
using Xunit;

namespace Transcoder.UnitTests.Outputs.Push;

public sealed class PushSessionTests : SessionTest
{
    private static readonly PushTarget Target = new()
    {
        App = "live",
        Takes = _ => true,
        Url = _ => "rtmp://h/app/show?key=s3cr3t",
        Display = _ => "rtmp://h/app/show?key=***",
        RetryMin = TimeSpan.FromSeconds(1),
        RetryMax = TimeSpan.FromSeconds(8),
        Lag = TimeSpan.FromSeconds(2),
    };

    private readonly CollectingLogger<PushOutput> _lines = new();
    private readonly LiveStream _stream;
    private readonly CancellationTokenSource _stop = new();
    private readonly Queue<MemoryConnection> _connections = new();
    private readonly List<RtmpUrl> _dialled = [];

    public PushSessionTests() => _stream = new LiveStream(StreamName.ForSource("live", "show"), new FeedLimits(), Clock);

    [Fact]
    public async Task The_first_picture_a_target_gets_is_a_keyframe_with_its_codec_header_and_the_push_ends_with_the_stream()
    {
        _connections.Enqueue(Connection);
        _stream.Publish(Pool.Video(0, keyframe: true));
        _stream.Publish(Pool.Video(40));
        var (push, running) = Start();
        var first = await NextPictureAsync();
        Assert.True(first.IsKeyframe);
        Assert.Equal(TestPackets.VideoTrack.Config.ToArray(), first.Track.Config.ToArray());
        first.Release();
        Assert.Equal((PushState.Publishing, 1), (push.State, push.Connections));
        _stream.Feed.Complete(new Reason(Reasons.Unpublished, "over"));
        await running.WaitAsync(Patience);
        Assert.Equal((PushState.Ended, Reasons.Unpublished), (push.State, push.Reason.Code));
        Assert.True(push.BytesSent > 200);
    }

    [Fact]
    public async Task A_dead_target_is_tried_for_ever_at_growing_distances_that_stay_below_the_longest()
    {
        var (push, running) = Start();
        var waits = new List<double>();
        for (var attempt = 1; attempt <= 6; attempt++)
        {
            var expected = attempt;
            await EventuallyAsync(() => push.FailedAttempts == expected && push.State == PushState.Waiting);
            var waited = TimeSpan.Zero;
            await EventuallyAsync(() =>
            {
                Clock.Advance(TimeSpan.FromMilliseconds(250));
                waited += TimeSpan.FromMilliseconds(250);
                return push.FailedAttempts > expected;
            });
            waits.Add(waited.TotalSeconds);
        }

        Assert.Equal(Reasons.TargetUnreachable, push.Reason.Code);
        Assert.All(_lines.Lines, line => Assert.DoesNotContain("s3cr3t", line, StringComparison.Ordinal));
        Assert.Contains(_lines.Lines, line => line.Contains("next try in", StringComparison.Ordinal));

        // Between two attempts the end of the stream is noticed at once.
        await EventuallyAsync(() => push.State == PushState.Waiting);
        _stream.Feed.Complete(new Reason(Reasons.Unpublished, ""));
        await running.WaitAsync(Patience);
        Assert.True(waits[0] >= 0.75, $"{waits[0]}");
    }

    [Fact]
    public async Task A_target_that_refuses_is_tried_again_and_its_new_connection_begins_at_a_keyframe()
    {
        _connections.Enqueue(Connection);
        Application.Refusal = new Reason(Reasons.BadKey, "no");
        _stream.Publish(Pool.Video(0, keyframe: true));
        var (push, running) = Start();
        await EventuallyAsync(() => push.FailedAttempts == 1 && push.State == PushState.Waiting);
        Assert.Equal(Reasons.TargetRefused, push.Reason.Code);
        Application.Refusal = null;
        _connections.Enqueue(Another().Connection);
        _stream.Publish(Pool.Video(2000, keyframe: true));
        _stream.Publish(Pool.Video(2040));
        await EventuallyAsync(() =>
        {
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            return push.Connections == 1;
        });
        var first = await NextPictureAsync();
        Assert.True(first.IsKeyframe);
        Assert.Equal(2000, first.Dts.Milliseconds);
        first.Release();
        _stream.Feed.Complete(new Reason(Reasons.Unpublished, ""));
        await running.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_target_that_does_not_read_loses_pictures_up_to_a_keyframe_and_touches_nobody_else()
    {
        // A server that agrees and then takes nothing: the session's sink never says that it has room.
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Application.Sink.Room = gate.Task;
        _connections.Enqueue(Connection);
        _stream.Publish(Pool.Video(0, keyframe: true));
        using var viewer = _stream.Feed.Subscribe();
        var (push, running) = Start();
        await EventuallyAsync(() => push.State == PushState.Publishing);
        var seen = 0;
        for (var at = 40; at <= 20_000; at += 40)
        {
            _stream.Publish(Pool.Video(at, keyframe: at % 2000 == 0, size: 4000));
            while (viewer.TryRead(out var packet))
            {
                seen++;
                packet.Release();
            }
        }

        Assert.Equal((501, 0), (seen, viewer.DroppedPackets));
        gate.SetResult();
        await EventuallyAsync(() => push.Lag == MediaTime.Zero && push.DroppedPackets > 0);
        _stream.Feed.Complete(new Reason(Reasons.Unpublished, ""));
        await running.WaitAsync(Patience);
        var times = new List<(long Dts, bool Keyframe)>();
        await Application.Sink.Completed.WaitAsync(Patience);
        while (Application.Sink.Packets.TryRead(out var packet))
        {
            if (packet.Track.Kind == TrackKind.Video)
            {
                times.Add((packet.Dts.Milliseconds, packet.IsKeyframe));
            }

            packet.Release();
        }

        Assert.Equal(20_000, times[^1].Dts);
        Assert.All(Enumerable.Range(1, times.Count - 1).Where(i => times[i].Dts - times[i - 1].Dts > 40), i => Assert.True(times[i].Keyframe));
    }

    [Fact]
    public async Task A_target_that_asks_for_it_is_left_at_a_keyframe_for_the_place_it_names_and_no_picture_is_lost_or_doubled()
    {
        _connections.Enqueue(Connection);
        _connections.Enqueue(Another().Connection);
        _stream.Publish(Pool.Video(0, keyframe: true));
        var (push, running) = Start();
        await EventuallyAsync(() => push.Connections == 1);
        Assert.Equal(1, Handler.RequestReconnect("rtmp://other/live"));

        // Eight seconds, or more until the new connection has it: a loaded machine makes the connection late.
        var published = 1;
        var until = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (published < 201 || (push.Connections < 2 && Environment.TickCount64 < until) || published % 10 != 1)
        {
            var at = 40 * published++;
            _stream.Publish(Pool.Video(at, keyframe: at % 400 == 0));
            if (at % 400 == 0)
            {
                // A target that a loaded machine keeps waiting must not count as slow.
                await EventuallyAsync(() =>
                {
                    Clock.Advance(TimeSpan.FromMilliseconds(5));
                    return push.Lag < MediaTime.FromMilliseconds(1_000);
                });

                // Nor is a connection that is late to be met by thousands of pictures: between two looks at it passes a moment.
                await Task.Delay(1);
            }
        }

        await EventuallyAsync(() =>
        {
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            return push.Connections == 2 && push.Lag == MediaTime.Zero;
        });
        Assert.Equal(["h", "other"], _dialled.Select(static url => url.Host));
        Assert.Equal("show?key=s3cr3t", _dialled[1].Stream);
        _stream.Feed.Complete(new Reason(Reasons.Unpublished, ""));
        await running.WaitAsync(Patience);
        Assert.Equal(0, push.DroppedPackets);
        var second = await Application.Sink.Packets.ReadAsync().AsTask().WaitAsync(Patience);
        while (second.Track.Kind != TrackKind.Video)
        {
            second.Release();
            second = await Application.Sink.Packets.ReadAsync().AsTask().WaitAsync(Patience);
        }

        Assert.True(second.IsKeyframe);
        var times = new List<long> { second.Dts.Milliseconds };
        second.Release();
        await EventuallyAsync(() =>
        {
            foreach (var sink in Application.EarlierSinks.Append(Application.Sink))
            {
                while (sink.Packets.TryRead(out var packet))
                {
                    if (packet.Track.Kind == TrackKind.Video)
                    {
                        times.Add(packet.Dts.Milliseconds);
                    }

                    packet.Release();
                }
            }

            return times.Count >= published;
        });
        Assert.Equal(Enumerable.Range(0, published).Select(static i => i * 40L), times.Order());
        Assert.Contains(_lines.Lines, static line => line.Contains("went over", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_stop_ends_a_push_that_waits()
    {
        var (push, running) = Start();
        await EventuallyAsync(() => push.State == PushState.Waiting);
        await _stop.CancelAsync();
        await running.WaitAsync(Patience);
        Assert.Equal(PushState.Ended, push.State);
        _stream.Feed.Complete(default(Reason) with { Code = Reasons.Shutdown });
    }

    private (PushSession Push, Task Running) Start()
    {
        var client = new RtmpClient(RtmpOptions.Default, Pool, new RtmpStatistics(), Clock, (url, _) =>
        {
            _dialled.Add(url);
            return _connections.TryDequeue(out var connection) ? new(new PipeStream(connection.Client)) : throw new SocketException((int)SocketError.ConnectionRefused);
        });
        var push = new PushSession(_stream, Target, client, Clock, _lines);
        return (push, push.RunAsync(_stop.Token));
    }

    private async Task<Transcoder.Media.Packets.Packet> NextPictureAsync()
    {
        while (true)
        {
            var packet = await Application.Sink.Packets.ReadAsync().AsTask().WaitAsync(Patience);
            if (packet.Track.Kind == TrackKind.Video)
            {
                return packet;
            }

            packet.Release();
        }
    }
}
