using Microsoft.Extensions.Time.Testing;
using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Streams.Feeds;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Streams;

public sealed class StreamFeedTests : IDisposable
{
    private readonly TrackingBufferPool _pool = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly StreamFeed _feed;

    public StreamFeedTests() => _feed = new StreamFeed(new FeedLimits { MaxPackets = 512 }, _clock);

    public void Dispose()
    {
        _feed.Complete(new Reason(Reasons.SourceEnded, ""));
        _pool.Dispose();
    }

    [Fact]
    public void A_late_subscriber_starts_with_the_metadata_and_the_newest_keyframe()
    {
        _feed.Publish(_pool.Metadata());
        PublishGops(gops: 3);
        using var reader = _feed.Subscribe();
        var read = ReadAll(reader);
        Assert.Equal(TrackKind.Data, read[0].Kind);
        Assert.Equal((TrackKind.Video, 4000, true), read[1]);
        Assert.Equal(4000, read[0].Milliseconds);
        Assert.Equal(60 + 1, read.Count);
    }

    [Fact]
    public void Late_joiners_get_the_metadata_until_it_is_taken_back_and_never_a_cue_point()
    {
        _feed.Publish(_pool.Metadata());
        _feed.Publish(Data(PacketFlags.None, "onCuePoint"u8));
        PublishGops(gops: 1);
        using (var reader = _feed.Subscribe())
        {
            Assert.True(reader.TryRead(out var first));
            Assert.Equal("onMetaData"u8.ToArray(), first.Payload.ToArray());
            first.Release();
        }

        _feed.Publish(Data(PacketFlags.Metadata, []));
        using var late = _feed.Subscribe();
        Assert.Equal(TrackKind.Video, ReadAll(late)[0].Kind);

        Packet Data(PacketFlags flags, ReadOnlySpan<byte> payload) => Packet.Copy(_pool, Track.Amf0Data, MediaTime.Zero, MediaTime.Zero, flags, payload);
    }

    [Fact]
    public void Only_track_0_says_where_a_subscriber_begins()
    {
        var other = TestPackets.VideoTrack with { Id = 1 };
        _feed.Publish(_pool.Video(0, keyframe: true));
        _feed.Publish(_pool.Video(40));
        _feed.Publish(Packet.Copy(_pool, other, MediaTime.FromMilliseconds(40), MediaTime.FromMilliseconds(40), PacketFlags.Keyframe, [1]));
        using var reader = _feed.Subscribe();
        Assert.Equal(0, ReadAll(reader)[0].Milliseconds);
        Assert.Equal([0, 1], reader.Tracks.Select(track => (int)track.Id));
    }

    [Fact]
    public async Task A_waiting_subscriber_is_woken_and_told_the_end()
    {
        using var reader = _feed.Subscribe();
        var wait = reader.WaitToReadAsync(default);
        Assert.False(wait.IsCompleted);
        _feed.Publish(_pool.Video(0, keyframe: true));
        Assert.True(await wait);
        Assert.Single(ReadAll(reader));
        var end = reader.WaitToReadAsync(default);
        _feed.Complete(new Reason(Reasons.Unpublished, "bye"));
        Assert.False(await end);
        Assert.Equal(Reasons.Unpublished, reader.EndReason.Code);
    }

    [Fact]
    public async Task Every_waiting_subscriber_is_woken_by_each_packet()
    {
        using var cancel = new CancellationTokenSource();
        FeedReader[] readers = [.. Enumerable.Range(0, 100).Select(_ => _feed.Subscribe())];
        for (var i = 0; i < 20; i++)
        {
            var waits = readers.Select(reader => reader.WaitToReadAsync(cancel.Token).AsTask()).ToArray();
            _feed.Publish(_pool.Video(i * 40, keyframe: i == 0));
            Assert.All(await Task.WhenAll(waits).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken), Assert.True);
            foreach (var reader in readers)
            {
                Assert.True(reader.TryRead(out var packet));
                Assert.Equal(i * 40, packet.Dts.Milliseconds);
                packet.Release();
                Assert.False(reader.TryRead(out _));
            }
        }

        foreach (var reader in readers)
        {
            reader.Dispose();
        }
    }

    [Fact]
    public async Task A_token_that_ended_one_wait_ends_the_next_and_another_token_does_not()
    {
        using var reader = _feed.Subscribe();
        using var cancel = new CancellationTokenSource();
        _feed.Publish(_pool.Video(0, keyframe: true));
        Assert.True(await reader.WaitToReadAsync(cancel.Token));
        Assert.Single(ReadAll(reader));
        var first = reader.WaitToReadAsync(cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => first);
        await Assert.ThrowsAsync<OperationCanceledException>(() => reader.WaitToReadAsync(cancel.Token).AsTask());
        using var other = new CancellationTokenSource();
        var last = reader.WaitToReadAsync(other.Token).AsTask();
        Assert.False(last.IsCompleted);
        _feed.Publish(_pool.Video(40));
        Assert.True(await last.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_cancelled_wait_throws_and_the_reader_still_works()
    {
        using var reader = _feed.Subscribe();
        using var cancel = new CancellationTokenSource();
        var wait = reader.WaitToReadAsync(cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => wait);
        _feed.Publish(_pool.Video(0, keyframe: true));
        Assert.True(await reader.WaitToReadAsync(default));
    }

    [Fact]
    public void A_subscriber_too_far_behind_jumps_to_the_newest_keyframe_and_counts_what_it_lost()
    {
        PublishGops(gops: 1);
        using var slow = _feed.Subscribe();
        Assert.True(slow.TryRead(out var first));
        first.Release();
        PublishGops(gops: 3, startMilliseconds: 2000);
        var read = ReadAll(slow);
        Assert.Equal((TrackKind.Video, 6000, true), read[0]);
        Assert.Equal((4 * 60) - 1 - 60, slow.DroppedPackets);
        slow.Dispose();
        Assert.Equal(((4 * 60) - 1 - 60, 1), (_feed.DroppedPackets, _feed.Jumps));
    }

    [Fact]
    public void A_late_subscriber_of_a_long_gop_gets_the_whole_gop()
    {
        _feed.Publish(_pool.Video(0, keyframe: true));
        for (var t = 100; t <= 9_000; t += 100)
        {
            _feed.Publish(_pool.Video(t));
        }

        using var reader = _feed.Subscribe();
        Assert.Equal(91, ReadAll(reader).Count);
        Assert.Equal(0, reader.DroppedPackets);
    }

    [Fact]
    public void An_endless_gop_does_not_grow_the_ring_and_late_subscribers_wait_for_a_keyframe()
    {
        _feed.Publish(_pool.Video(0, keyframe: true));
        for (var t = 100; t <= 60_000; t += 100)
        {
            _feed.Publish(_pool.Video(t));
        }

        Assert.InRange(_feed.Head - _feed.Tail, 290, 310);
        using var reader = _feed.Subscribe();
        Assert.Empty(ReadAll(reader));
        _feed.Publish(_pool.Video(60_100));
        _feed.Publish(_pool.Video(60_200, keyframe: true));
        Assert.Equal((TrackKind.Video, 60_200, true), Assert.Single(ReadAll(reader)));
    }

    [Fact]
    public void A_subscriber_is_not_told_of_a_track_that_has_been_silent()
    {
        using var reader = _feed.Subscribe();
        _feed.Publish(_pool.Video(0, keyframe: true));
        _feed.Publish(_pool.Audio(10));
        Assert.Equal([TrackKind.Video, TrackKind.Audio], reader.Tracks.Select(track => track.Kind));
        for (var t = 100; t <= 4_900; t += 100)
        {
            _feed.Publish(_pool.Video(t));
        }

        Assert.Equal(2, reader.Tracks.Count);
        _feed.Publish(_pool.Video(5_100));
        Assert.Equal([TrackKind.Video], reader.Tracks.Select(track => track.Kind));
        _feed.Publish(_pool.Audio(5_110));
        Assert.Equal(2, reader.Tracks.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Of_a_stream_that_nobody_reads_only_what_a_player_begins_with_is_kept(bool video)
    {
        var feed = new StreamFeed(new FeedLimits { UnreadAfter = MediaTime.Zero }, _clock);
        for (var t = 0; t <= 2_000; t += 20)
        {
            feed.Publish(video && t % 40 == 0 ? _pool.Video(t, keyframe: t % 1_000 == 0) : _pool.Audio(t));
        }

        // The keyframe just came; or half a second of sound.
        Assert.Equal(video ? 1 : 26, feed.Head - feed.Tail);
        feed.Complete(default);
    }

    [Fact]
    public void Packets_beyond_the_byte_limit_are_let_go()
    {
        var feed = new StreamFeed(new FeedLimits { MaxBytes = 10_000 }, _clock);
        for (var i = 0; i < 100; i++)
        {
            feed.Publish(_pool.Video(i, keyframe: i == 0, size: 1000));
        }

        Assert.Equal(10, _pool.RentedPackets);
        feed.Complete(default);
    }

    [Fact]
    public void Sound_alone_is_joined_at_its_newest_moment()
    {
        for (var t = 0; t < 5_000; t += 20)
        {
            _feed.Publish(_pool.Audio(t));
        }

        using var reader = _feed.Subscribe();
        Assert.InRange(ReadAll(reader).Count, 20, 30);
    }

    [Fact]
    public void A_transcoder_resumes_at_the_keyframe_before_its_resume_point()
    {
        PublishGops(gops: 3);
        using var fresh = _feed.SubscribeTranscoder(MediaTime.MinValue);
        Assert.Equal(0, ReadAll(fresh)[0].Milliseconds);
        using var resumed = _feed.SubscribeTranscoder(MediaTime.FromMilliseconds(2_500));
        Assert.Equal(2000, ReadAll(resumed)[0].Milliseconds);
    }

    [Fact]
    public void A_transcoder_gets_the_sound_that_came_before_the_first_picture()
    {
        _feed.Publish(_pool.Audio(0));
        _feed.Publish(_pool.Audio(20));
        PublishGops(gops: 1, startMilliseconds: 30);
        using var reader = _feed.SubscribeTranscoder(MediaTime.MinValue);
        Assert.Equal((TrackKind.Audio, 0, false), ReadAll(reader)[0]);
    }

    [Fact]
    public async Task A_slow_transcoder_holds_the_publisher_until_it_reads_or_the_stall_limit()
    {
        using var transcoder = _feed.SubscribeTranscoder(MediaTime.MinValue);
        PublishGops(gops: 2);
        var held = _feed.WaitForTranscoderAsync(default).AsTask();
        Assert.False(held.IsCompleted);
        ReadAll(transcoder);
        await held.WaitAsync(TimeSpan.FromSeconds(5));

        PublishGops(gops: 2, startMilliseconds: 4000);
        var stalled = _feed.WaitForTranscoderAsync(default).AsTask();
        Assert.False(stalled.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(11));
        await stalled.WaitAsync(TimeSpan.FromSeconds(5));
        Assert.True(_feed.WaitForTranscoderAsync(default).IsCompleted);
    }

    [Fact]
    public void A_subscriber_that_jumps_to_a_keyframe_older_than_it_may_be_late_is_not_thrown_on_again()
    {
        using var slow = _feed.Subscribe(lag: MediaTime.FromMilliseconds(1_000));
        for (var t = 0; t <= 15_000; t += 40)
        {
            _feed.Publish(_pool.Video(t, keyframe: t % 10_000 == 0));
        }

        var read = ReadAll(slow);
        Assert.Equal((TrackKind.Video, 10_000, true), read[0]);
        Assert.Equal(126, read.Count);
    }

    [Fact]
    public void A_subscriber_that_needs_a_keyframe_still_needs_it_after_a_while_of_sound_alone()
    {
        using var slow = _feed.Subscribe(lag: MediaTime.FromMilliseconds(1_000));
        Span(0, 400, keyframe: true);
        Assert.NotEmpty(ReadAll(slow));
        Span(440, 5_000);
        Assert.Empty(ReadAll(slow));
        for (var t = 5_020; t <= 11_000; t += 20)
        {
            _feed.Publish(_pool.Audio(t));
            ReadAll(slow);
        }

        Span(11_020, 11_100);
        Assert.Empty(ReadAll(slow));
        Span(11_140, 11_220, keyframe: true);
        Assert.Equal([11_140, 11_180, 11_220], ReadAll(slow).Select(packet => packet.Milliseconds));

        void Span(int from, int to, bool keyframe = false)
        {
            for (var t = from; t <= to; t += 40)
            {
                _feed.Publish(_pool.Video(t, keyframe && t == from));
            }
        }
    }

    [Fact]
    public void A_slow_viewer_never_holds_the_publisher()
    {
        using var viewer = _feed.Subscribe();
        PublishGops(gops: 3);
        Assert.True(_feed.WaitForTranscoderAsync(default).IsCompleted);
    }

    private void PublishGops(int gops, int startMilliseconds = 0)
    {
        // 2 s and 60 pictures each.
        for (var i = 0; i < gops * 60; i++)
        {
            var t = startMilliseconds + (i * 2000 / 60);
            _feed.Publish(_pool.Video(t, keyframe: i % 60 == 0));
        }
    }

    private static List<(TrackKind Kind, long Milliseconds, bool Key)> ReadAll(FeedReader reader)
    {
        List<(TrackKind, long, bool)> read = [];
        while (reader.TryRead(out var packet))
        {
            read.Add((packet.Track.Kind, packet.Dts.Milliseconds, packet.IsKeyframe));
            packet.Release();
        }

        return read;
    }
}
