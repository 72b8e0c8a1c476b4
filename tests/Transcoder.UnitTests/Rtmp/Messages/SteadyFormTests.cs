using Transcoder.Media.Buffers;
using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Messages;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Messages;

public sealed class SteadyFormTests : IDisposable
{
    private const int ChunkSize = 4096;

    private readonly MediaBufferPool _pool = new();
    private readonly MessageMuxer _muxer;
    private readonly SteadyForm _steady = new(ChunkSize);
    private readonly PacketRun _run = PacketRun.Begin();

    public SteadyFormTests()
    {
        _muxer = new MessageMuxer(_pool, ChunkSize);
        var packet = _pool.Video(0);
        _run.Add(packet);
        packet.Release();
    }

    [Fact]
    public void What_was_found_out_holds_for_runs_whose_image_is_made()
    {
        Assert.Null(_steady.ImageOf(_run));
        Assert.False(_steady.Ask());
        _steady.Keep(_run, FlvForms.Compatible, held: false);
        Assert.Null(_steady.ImageOf(_run));
        var image = _muxer.ImageOf(_run);
        Assert.Same(image, _steady.ImageOf(_run));
        Assert.True(_steady.Ask());
    }

    [Fact]
    public void Another_form_or_chunk_size_is_not_taken_for_it()
    {
        _muxer.ImageOf(_run);
        _steady.Ask();
        _steady.Keep(_run, FlvForms.Precise, held: false);
        Assert.Null(_steady.ImageOf(_run));
        var other = new SteadyForm(ChunkSize * 2);
        other.Ask();
        other.Keep(_run, FlvForms.Compatible, held: false);
        Assert.Null(other.ImageOf(_run));
    }

    [Fact]
    public void A_change_while_it_is_found_out_makes_that_it_is_not_kept()
    {
        _muxer.ImageOf(_run);
        _steady.Ask();
        _steady.Forget();
        _steady.Keep(_run, FlvForms.Compatible, held: false);
        Assert.Null(_steady.ImageOf(_run));
        Assert.False(_steady.Ask());
    }

    [Fact]
    public void A_run_of_one_kind_says_nothing_about_the_other()
    {
        using var sound = new OwnedRun(_pool.Audio(1));
        _muxer.ImageOf(_run);
        var image = _muxer.ImageOf(sound.Run);
        _steady.Keep(sound.Run, FlvForms.Compatible, _steady.Ask());
        _steady.Keep(_run, FlvForms.Compatible, _steady.Ask());
        Assert.Same(image, _steady.ImageOf(sound.Run));
        _steady.Forget();
        _steady.Keep(_run, FlvForms.Compatible, _steady.Ask());
        Assert.Null(_steady.ImageOf(sound.Run));
    }

    [Fact]
    public void Another_form_than_the_last_runs_says_nothing_about_the_other_kind()
    {
        using var sound = new OwnedRun(_pool.Audio(1));
        _muxer.ImageOf(sound.Run, FlvForms.Precise);
        _steady.Keep(sound.Run, FlvForms.Compatible, _steady.Ask());
        _steady.Keep(_run, FlvForms.Precise, _steady.Ask());
        Assert.Null(_steady.ImageOf(sound.Run));
    }

    [Fact]
    public void Another_track_is_not_taken_for_it()
    {
        var track = TestPackets.VideoTrack with { Config = new byte[] { 1, 77, 0, 30 } };
        using var other = new OwnedRun(Packet.Copy(_pool, track, MediaTime.Zero, MediaTime.Zero, PacketFlags.Keyframe, new byte[50]));
        _muxer.ImageOf(other.Run);
        _steady.Keep(_run, FlvForms.Compatible, _steady.Ask());
        Assert.Null(_steady.ImageOf(other.Run));
    }

    [Fact]
    public void A_run_that_everyone_gets_otherwise_is_not_taken_for_it()
    {
        using var mixed = new OwnedRun(Packet.Copy(_pool, Track.Amf0Data, MediaTime.Zero, MediaTime.Zero, PacketFlags.Metadata, []));
        Assert.False(mixed.Run.IsUniform);
        _muxer.ImageOf(mixed.Run);
        _steady.Keep(_run, FlvForms.Compatible, _steady.Ask());
        Assert.Null(_steady.ImageOf(mixed.Run));
    }

    public void Dispose() => _run.Release();

    private readonly struct OwnedRun : IDisposable
    {
        public OwnedRun(Packet packet)
        {
            Run = PacketRun.Begin();
            Run.Add(packet);
            packet.Release();
        }

        public PacketRun Run { get; }

        public void Dispose() => Run.Release();
    }
}
