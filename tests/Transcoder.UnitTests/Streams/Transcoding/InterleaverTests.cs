using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Transcoder.Streams.Transcoding;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Streams.Transcoding;

public sealed class InterleaverTests : IDisposable
{
    private readonly TrackingBufferPool _pool = new();
    private readonly List<string> _left = [];
    private readonly Interleaver _interleaver;

    public InterleaverTests() => _interleaver = new Interleaver(Leave);

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void Picture_and_sound_leave_in_the_order_of_their_times()
    {
        _interleaver.Add(_pool.Audio(0));
        _interleaver.Add(_pool.Video(10));
        _interleaver.Add(_pool.Video(50));
        _interleaver.Add(_pool.Audio(30));
        _interleaver.Add(_pool.Audio(60));
        _interleaver.Flush();
        Assert.Equal(["a0", "v10", "a30", "v50", "a60"], _left);
    }

    [Fact]
    public void A_track_that_falls_silent_holds_the_other_for_a_moment_only()
    {
        _interleaver.Add(_pool.Audio(0));
        for (var at = 0; at <= 1000; at += 100)
        {
            _interleaver.Add(_pool.Video(at));
        }

        Assert.Equal("v600", _left[^1]);
        Assert.Equal(4, _interleaver.Held);
        _interleaver.Flush();
    }

    [Fact]
    public void A_single_track_does_not_wait()
    {
        _interleaver.Add(_pool.Video(0));
        Assert.Equal(["v0"], _left);
    }

    private void Leave(Packet packet)
    {
        _left.Add($"{(packet.Track.Kind == TrackKind.Video ? 'v' : 'a')}{packet.Dts.Milliseconds}");
        packet.Release();
    }
}
