using Microsoft.Extensions.Time.Testing;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Transcoder.Streams.Transcoding;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Streams;

public sealed class InterleaverTests : IDisposable
{
    private readonly TrackingBufferPool _pool = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly List<(TrackKind Kind, long Dts)> _left = [];
    private readonly Interleaver _interleaver;

    public InterleaverTests() => _interleaver = new Interleaver(
        packet =>
        {
            _left.Add((packet.Track.Kind, packet.Dts.Milliseconds));
            packet.Release();
        },
        _clock);

    public void Dispose()
    {
        _interleaver.Flush();
        _pool.Dispose();
    }

    [Fact]
    public void Sound_that_is_encoded_before_the_rendition_opens_is_kept_for_it()
    {
        Sounds(0, 400);
        Assert.Empty(_left);

        _interleaver.Expect(video: true, audio: true);
        Pictures(0, 400);

        Assert.Contains((TrackKind.Audio, 0L), _left);
        AssertOrdered();
    }

    [Fact]
    public void A_burst_of_pictures_waits_for_the_sound_that_is_to_come()
    {
        _interleaver.Expect(video: true, audio: true);
        Pictures(0, 500);
        Assert.Empty(_left);

        Sounds(0, 500);

        AssertOrdered();
    }

    [Fact]
    public void Sound_that_never_comes_is_waited_for_once()
    {
        _interleaver.Expect(video: true, audio: true);
        Pictures(0, 40);
        _clock.Advance(TimeSpan.FromSeconds(2.5));

        Pictures(80, 400);

        Assert.Equal(0, _interleaver.Held);
    }

    [Fact]
    public void A_track_that_the_rendition_lacks_is_not_waited_for()
    {
        _interleaver.Expect(video: true, audio: false);

        Pictures(0, 40);

        Assert.Equal(0, _interleaver.Held);
    }

    [Fact]
    public void A_track_that_falls_silent_delays_the_other_by_a_second_at_most()
    {
        _interleaver.Expect(video: true, audio: true);
        Sounds(0, 0);
        for (var time = 0; time < 4000; time += 40)
        {
            Pictures(time, time);
            _clock.Advance(TimeSpan.FromMilliseconds(40));
        }

        Assert.InRange(_interleaver.Held, 1, 26);
    }

    [Fact]
    public void What_waits_when_a_worker_dies_leaves_in_order_with_what_the_next_one_brings()
    {
        _interleaver.Expect(video: true, audio: true);
        Sounds(0, 100);
        Pictures(0, 200);
        _clock.Advance(TimeSpan.FromSeconds(1));

        _interleaver.Expect(video: true, audio: true);
        Pictures(240, 600);
        Sounds(120, 600);

        AssertOrdered();
    }

    [Fact]
    public void After_a_pause_of_the_source_the_tracks_wait_for_each_other_again()
    {
        _interleaver.Expect(video: true, audio: true);
        Sounds(0, 80);
        Pictures(0, 120);
        _clock.Advance(TimeSpan.FromSeconds(3));

        Pictures(3000, 3040);
        Sounds(100, 100);
        Sounds(110, 110);
        Sounds(3000, 3040);

        AssertOrdered();
    }

    private void Pictures(int from, int to)
    {
        for (var time = from; time <= to; time += 40)
        {
            _interleaver.Add(_pool.Video(time));
        }
    }

    private void Sounds(int from, int to)
    {
        for (var time = from; time <= to; time += 20)
        {
            _interleaver.Add(_pool.Audio(time));
        }
    }

    private void AssertOrdered()
    {
        Assert.NotEmpty(_left);
        Assert.Equal(_left.OrderBy(packet => packet.Dts), _left);
    }
}
