using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Rtmp.Messages;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Messages;

public sealed class MessageRunTests : IDisposable
{
    private readonly TrackingBufferPool _pool = new();
    private readonly MessageMuxer _muxer;
    private readonly MessageComposer _composer;
    private readonly List<WireImage> _images = [];

    public MessageRunTests()
    {
        _muxer = new MessageMuxer(_pool, chunkSize: 128);
        _composer = new MessageComposer(_muxer, publishing: false);
    }

    public void Dispose()
    {
        Clear();
        _composer.Clear();
        _pool.Dispose();
    }

    [Fact]
    public void The_image_of_a_run_is_its_packets_images_one_behind_the_other_and_made_once()
    {
        Begin();
        using var run = new Run(_pool.Audio(60), _pool.Video(80, size: 1000, pts: 120), _pool.Audio(0x1000000));
        _composer.Add(run.Packets, _images);
        var image = Assert.Single(_images);
        Assert.Equal(0, _composer.Waiting);
        Assert.Equal(run.Packets.Packets.SelectMany(BytesAlone), image.Bytes.ToArray());
        var again = _muxer.ImageOf(run.Packets);
        Assert.Same(image, again);
        again.Release();
    }

    [Fact]
    public void A_run_for_another_chunk_size_has_an_image_of_its_own()
    {
        using var run = new Run(_pool.Video(80, size: 1000));
        var small = _muxer.ImageOf(run.Packets);
        var large = new MessageMuxer(_pool, chunkSize: 60_000).ImageOf(run.Packets);
        Assert.NotEqual(small.Bytes.Length, large.Bytes.Length);
        small.Release();
        large.Release();
    }

    [Fact]
    public void A_player_that_begins_gets_its_headers_first()
    {
        using var run = new Run(_pool.Video(0, keyframe: true));
        AssertPacketByPacket(run, messages: 3); // Metadata, sequence header, picture.
    }

    [Fact]
    public void A_new_track_is_announced_before_its_packets()
    {
        Begin();
        var track = TestPackets.VideoTrack with { Config = new byte[] { 1, 77, 0, 30 } };
        using var run = new Run(Packet.Copy(_pool, track, MediaTime.Zero, MediaTime.Zero, PacketFlags.Keyframe, new byte[50]));
        AssertPacketByPacket(run, messages: 2);
    }

    [Fact]
    public void A_track_that_changes_within_a_run_is_announced_where_it_changes()
    {
        Begin();
        var track = TestPackets.VideoTrack with { Config = new byte[] { 1, 77, 0, 30 } };
        using var run = new Run(
            Packet.Copy(_pool, track, MediaTime.Zero, MediaTime.Zero, PacketFlags.Keyframe, new byte[50]), _pool.Video(40, keyframe: true));
        AssertPacketByPacket(run, messages: 4);
    }

    [Fact]
    public void A_player_that_wants_no_sound_gets_none()
    {
        Begin();
        _composer.ReceiveAudio(false);
        using var run = new Run(_pool.Audio(60), _pool.Video(80));
        AssertPacketByPacket(run, messages: 1);
    }

    [Fact]
    public void A_paused_player_gets_nothing_and_goes_on_with_a_keyframe()
    {
        Begin();
        _composer.Pause(true);
        using var missed = new Run(_pool.Video(80));
        AssertPacketByPacket(missed, messages: 0);
        _composer.Pause(false);
        using var delta = new Run(_pool.Video(120));
        AssertPacketByPacket(delta, messages: 0);
        using var keyframe = new Run(_pool.Video(160, keyframe: true));
        AssertPacketByPacket(keyframe, messages: 1);
        using var next = new Run(_pool.Video(200));
        _composer.Add(next.Packets, _images);
        Assert.Single(_images);
    }

    private void Begin()
    {
        _composer.Add(_pool.Video(0, keyframe: true));
        _composer.Add(_pool.Audio(0));
        _composer.Compose(_images);
        Clear();
    }

    private void AssertPacketByPacket(Run run, int messages)
    {
        _composer.Add(run.Packets, _images);
        Assert.Empty(_images);
        Assert.Equal(run.Packets.Packets.Count, _composer.Waiting);
        _composer.Compose(_images);
        Assert.Equal(messages, _images.Count);
        Clear();
    }

    private byte[] BytesAlone(Packet packet)
    {
        var image = _muxer.ImageOf(packet);
        var bytes = image.Bytes.ToArray();
        image.Release();
        return bytes;
    }

    private void Clear()
    {
        _images.ForEach(image => image.Release());
        _images.Clear();
    }

    private sealed class Run : IDisposable
    {
        public Run(params Packet[] packets)
        {
            Packets = PacketRun.Begin();
            foreach (var packet in packets)
            {
                Packets.Add(packet);
                packet.Release();
            }
        }

        public PacketRun Packets { get; }

        public void Dispose() => Packets.Release();
    }
}
