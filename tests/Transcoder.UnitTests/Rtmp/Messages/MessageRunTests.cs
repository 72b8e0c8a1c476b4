using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Messages;
using Transcoder.Testing;
using Transcoder.Testing.Rtmp;
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
        var image = _composer.ImageOf(run.Packets);
        Assert.NotNull(image);
        Assert.Equal(run.Packets.Packets.SelectMany(BytesAlone), image.ToArray());
        Assert.Same(image, _muxer.ImageOf(run.Packets));
    }

    [Fact]
    public void A_run_for_another_chunk_size_has_an_image_of_its_own()
    {
        using var run = new Run(_pool.Video(80, size: 1000));
        Assert.NotEqual(_muxer.ImageOf(run.Packets)!.Length, new MessageMuxer(_pool, chunkSize: 60_000).ImageOf(run.Packets)!.Length);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(6)]
    [InlineData(128)]
    [InlineData(32_000)]
    public void A_packets_image_is_as_a_runs_and_copies_nothing(int chunkSize)
    {
        var muxer = new MessageMuxer(_pool, chunkSize);
        foreach (var time in (ReadOnlySpan<long>)[40, 0xFFFFFF, 0x1000000])
        {
            foreach (var size in (ReadOnlySpan<int>)[1, Math.Max(1, chunkSize - 5), chunkSize, chunkSize + 1, Math.Max(1, (3 * chunkSize) - 5), (3 * chunkSize) + 7])
            {
                using var run = new Run(_pool.Video(time, size: size));
                var image = muxer.ImageOf(run.Packets.Packets[0]);
                Assert.Equal(muxer.ImageOf(run.Packets)!.ToArray(), image.ToArray());
                if (chunkSize > 5)
                {
                    var payload = run.Packets.Packets[0].Payload;
                    var left = payload;
                    foreach (var part in image)
                    {
                        left = left.Span.Overlaps(part.Span, out var offset) && offset == 0 ? left[part.Length..] : left;
                    }

                    Assert.Equal(0, left.Length);
                }

                image.Release();
            }
        }
    }

    [Fact]
    public void What_an_image_holds_of_a_packet_outlives_it()
    {
        var packet = _pool.Video(0, size: 500);
        var expected = BytesAlone(packet);
        var image = new MessageMuxer(_pool, chunkSize: 128).ImageOf(packet, keep: false);
        packet.Release();
        Assert.Equal(2, _pool.RentedBuffers); // The headers and the payload.
        Assert.Equal(expected, image.ToArray());
        image.Release();
        Assert.Equal(0, _pool.RentedBuffers);
    }

    [Fact]
    public void A_player_that_begins_gets_its_headers_first()
    {
        using var run = new Run(_pool.Video(0, keyframe: true));
        AssertPacketByPacket(run, messages: 3); // Metadata, sequence header, picture.
    }

    [Fact]
    public void What_was_sent_as_it_is_is_not_once_something_has_changed()
    {
        Begin();
        using var both = new Run(_pool.Video(40), _pool.Audio(41));
        using var picture = new Run(_pool.Video(80));
        using var sound = new Run(_pool.Audio(81));
        void AssertAsItIs(bool expected)
        {
            foreach (var run in (Run[])[both, picture, sound, both])
            {
                Assert.Equal(expected, _composer.ImageOf(run.Packets) is not null);
            }
        }

        AssertAsItIs(true);
        _composer.Pause(true);
        AssertAsItIs(false);
        _composer.Pause(false);
        AssertAsItIs(true);
        _composer.ReceiveVideo(false);
        AssertAsItIs(false);
        _composer.ReceiveVideo(true);
        AssertAsItIs(true);
        _composer.ReceiveAudio(false);
        AssertAsItIs(false);
        _composer.ReceiveAudio(true);
        AssertAsItIs(true);
        _composer.Add(_pool.Video(120));
        AssertAsItIs(false);
        _composer.Clear();
        AssertAsItIs(true);
        var other = TestPackets.VideoTrack with { Config = new byte[] { 1, 77, 0, 30 } };
        using var changed = new Run(Packet.Copy(_pool, other, MediaTime.Zero, MediaTime.Zero, PacketFlags.Keyframe, new byte[50]));
        _muxer.ImageOf(changed.Packets);
        Assert.Null(_composer.ImageOf(changed.Packets));
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
        Assert.NotNull(_composer.ImageOf(next.Packets));
    }

    [Fact]
    public void A_run_that_takes_the_metadata_back_is_not_sent_as_it_is()
    {
        Begin();
        using var run = new Run(_pool.Video(80), Packet.Copy(_pool, Track.Amf0Data, MediaTime.Zero, MediaTime.Zero, PacketFlags.Metadata, []));
        AssertPacketByPacket(run, messages: 1);
    }

    [Fact]
    public void A_receiver_of_precise_times_has_an_image_of_its_own_that_is_its_packets_images_one_behind_the_other()
    {
        var precise = new MessageComposer(_muxer, publishing: false, Everything);
        Begin(precise);
        Begin();
        using var run = new Run(At(60_000_250), _pool.Video(80, size: 1000, pts: 120), _pool.Metadata(90));
        WireImage[] images = [precise.ImageOf(run.Packets)!, _composer.ImageOf(run.Packets)!];
        Assert.Equal([FlvForms.Precise, FlvForms.Compatible], images.Select(static image => image.Forms));
        Assert.Equal(run.Packets.Packets.SelectMany(packet => BytesAlone(packet, packet.Track.Kind == TrackKind.Data ? default : FlvForms.Precise)), images[0].ToArray());
        Assert.Equal(run.Packets.Packets.SelectMany(BytesAlone), images[1].ToArray());
        Assert.Same(images[0], _muxer.ImageOf(run.Packets, FlvForms.Precise));
    }

    [Fact]
    public void A_receiver_that_reads_the_two_codecs_in_different_forms_gets_packets()
    {
        var composer = new MessageComposer(_muxer, publishing: false, Peer("avc1", 15.0));
        Begin(composer);
        using var both = new Run(_pool.Audio(60), _pool.Video(80));
        AssertPacketByPacket(both, messages: 2, composer);
        using var sound = new Run(_pool.Audio(100));
        Assert.NotNull(composer.ImageOf(sound.Packets));
    }

    [Fact]
    public void A_codec_that_the_receiver_does_not_read_is_left_out_of_a_run()
    {
        var composer = new MessageComposer(_muxer, publishing: false, PeerCapabilities.None);
        var track = TestPackets.VideoTrack with { Codec = CodecId.Hevc };
        composer.Add(_pool.Audio(0));
        composer.Add(Packet.Copy(_pool, track, MediaTime.Zero, MediaTime.Zero, PacketFlags.Keyframe, new byte[50]));
        composer.Compose(_images);
        Clear();
        using var run = new Run(_pool.Audio(60), Packet.Copy(_pool, track, MediaTime.Zero, MediaTime.Zero, PacketFlags.Keyframe, new byte[50]));
        AssertPacketByPacket(run, messages: 1, composer);
    }

    [Fact]
    public void Other_tracks_in_a_run_go_only_to_those_who_read_them_and_wait_for_a_keyframe_after_a_gap()
    {
        Begin();
        var second = TestPackets.VideoTrack with { Id = 1 };
        using var alone = new Run(Packet.Copy(_pool, second, MediaTime.Zero, MediaTime.Zero, PacketFlags.Keyframe, new byte[50]));
        using var delta = new Run(Packet.Copy(_pool, second, MediaTime.Zero, MediaTime.Zero, default, new byte[50]));
        using var mixed = new Run(_pool.Video(40), Packet.Copy(_pool, second, MediaTime.Zero, MediaTime.Zero, default, new byte[50]));
        var one = new MessageComposer(_muxer, publishing: false, PeerCapabilities.None);
        Begin(one);
        AssertPacketByPacket(alone, messages: 0, one);
        var all = new MessageComposer(_muxer, publishing: false, Everything);
        Begin(all);
        AssertPacketByPacket(delta, messages: 0, all);
        AssertPacketByPacket(alone, messages: 2, all);
        AssertPacketByPacket(mixed, messages: 2, all);
        Assert.NotNull(all.ImageOf(delta.Packets));
        all.SkipGap();
        AssertPacketByPacket(delta, messages: 0, all);
    }

    [Fact]
    public void A_player_of_a_track_of_its_choice_gets_packets()
    {
        var composer = new MessageComposer(_muxer, publishing: false, Everything, new TrackSelection(0, 0));
        Begin(composer);
        using var run = new Run(_pool.Audio(60), _pool.Metadata(70));
        AssertPacketByPacket(run, messages: 1, composer);
    }

    private static PeerCapabilities Everything => Peer("*", 15.0);

    private static PeerCapabilities Peer(string codec, double capabilities) =>
        PeerCapabilities.Parse(new AmfObject().Add("fourCcList", AmfValue.Of([AmfValue.Of(codec)])).Add("capsEx", AmfValue.Of(capabilities)));

    private Packet At(long nanoseconds) => Packet.Copy(_pool, TestPackets.AudioTrack, new MediaTime(nanoseconds), new MediaTime(nanoseconds), default, new byte[30]);

    private void Begin() => Begin(_composer);

    private void Begin(MessageComposer composer)
    {
        composer.Add(_pool.Video(0, keyframe: true));
        composer.Add(_pool.Audio(0));
        composer.Compose(_images);
        Clear();
    }

    private void AssertPacketByPacket(Run run, int messages, MessageComposer? composer = null)
    {
        composer ??= _composer;
        Assert.Null(composer.ImageOf(run.Packets));
        foreach (var packet in run.Packets.Packets)
        {
            packet.AddReference();
            composer.Add(packet);
        }

        composer.Compose(_images);
        Assert.Equal(messages, _images.Count);
        Clear();
    }

    private byte[] BytesAlone(Packet packet) => BytesAlone(packet, FlvForms.Compatible);

    private byte[] BytesAlone(Packet packet, FlvForms forms)
    {
        var image = _muxer.ImageOf(packet, forms);
        var bytes = image.ToArray();
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
