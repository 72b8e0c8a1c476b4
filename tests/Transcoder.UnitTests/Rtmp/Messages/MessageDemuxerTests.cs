using System.Text;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Messages;

public sealed class MessageDemuxerTests : IDisposable
{
    private static readonly byte[] AvcHeader = [0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1F, 0xFF, 0xE0, 0];
    private static readonly byte[] AacHeader = [0xAF, 0, 0x12, 0x10];

    private readonly TrackingBufferPool _pool = new();
    private readonly MessageDemuxer _demuxer;

    public MessageDemuxerTests() => _demuxer = new MessageDemuxer(_pool);

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void A_picture_slices_the_messages_own_block_and_its_times_are_exact()
    {
        Assert.Null(Demux(MessageType.Video, 0, AvcHeader));
        var message = Message(MessageType.Video, 1000, [0x27, 1, 0xFF, 0xFF, 0xF6, 9, 8, 7]);
        Assert.True(_demuxer.TryDemux(message, out var packet));
        Assert.Equal([9, 8, 7], packet.Payload.ToArray());
        Assert.True(packet.Payload.Span == message.Buffer.Span.Slice(5, 3));
        Assert.Equal(1000, packet.Dts.Milliseconds);
        Assert.Equal(990, packet.Pts.Milliseconds);
        Assert.False(packet.IsKeyframe);
        packet.Release();
    }

    [Fact]
    public void The_size_of_VP9_comes_from_its_keyframe()
    {
        byte[] frame = [0x91, .. "vp09"u8, .. Convert.FromHexString("824983420035401DE60A38241C187C10")];
        Demux(MessageType.Video, 0, frame)?.Release();
        Assert.Equal((853, 479), (_demuxer.Video!.Video.Width, _demuxer.Video.Video.Height));
        var first = _demuxer.Video;
        Demux(MessageType.Video, 40, frame)?.Release();
        Assert.Same(first, _demuxer.Video);
    }

    [Fact]
    public void Unchanged_configuration_keeps_the_track_and_changed_configuration_makes_a_new_one()
    {
        Demux(MessageType.Audio, 0, AacHeader);
        var first = _demuxer.Audio;
        Demux(MessageType.Audio, 0, AacHeader);
        Assert.Same(first, _demuxer.Audio);
        Demux(MessageType.Audio, 0, [0xAF, 0, 0x11, 0x90]);
        Assert.NotSame(first, _demuxer.Audio);
        Assert.Equal([0x11, 0x90], _demuxer.Audio!.Config.ToArray());
    }

    [Theory]
    [InlineData(9, new byte[] { 0x17, 1, 0, 0, 0, 1 })]
    [InlineData(8, new byte[] { 0xAF, 1, 1 })]
    [InlineData(9, new byte[] { 0x17 })]
    [InlineData(9, new byte[] { 0x91, (byte)'h', (byte)'v' })]
    [InlineData(9, new byte[] { 0x11, 0, 0, 0, 0, 1 })]
    [InlineData(9, new byte[] { 0x96, 0x01, (byte)'a', (byte)'v', (byte)'c', (byte)'1', 1, 0, 0, 0, 3 })]
    [InlineData(9, new byte[] { 0x9B, (byte)'h', (byte)'v', (byte)'c', (byte)'1', 1, 2, 3 })]
    public void What_cannot_be_decoded_is_dropped_and_counted(byte type, byte[] body)
    {
        Assert.Null(Demux((MessageType)type, 0, body));
        Assert.Equal(1, _demuxer.DroppedMessages);
    }

    [Fact]
    public void Times_go_on_over_the_32_bit_wrap_for_all_kinds_together()
    {
        Demux(MessageType.Video, 0, AvcHeader);
        Demux(MessageType.Audio, 0, AacHeader);
        Assert.Equal(0xFFFFFFF0, Times(MessageType.Video, 0xFFFFFFF0, [0x17, 1, 0, 0, 0, 1]));
        Assert.Equal(0x100000010, Times(MessageType.Audio, 0x10, [0xAF, 1, 1]));
        Assert.Equal(0x100000000, Times(MessageType.Video, 0, [0x27, 1, 0, 0, 0, 1]));
        Assert.Equal(0x100FFFFFF, Times(MessageType.Audio, 0xFFFFFF, [0xAF, 1, 1]));
        Assert.Equal(0x101000000, Times(MessageType.Audio, 0x1000000, [0xAF, 1, 1]));
    }

    /// <summary>An encoder that has been up for more than 24.9 days still stamps its onMetaData 0.</summary>
    [Fact]
    public void The_time_of_data_says_nothing_about_the_time_of_media()
    {
        byte[] data = [2, 0, 10, .. "onMetaData"u8, 5];
        Demux(MessageType.Video, 0, AvcHeader);
        Assert.Equal(0, Times(MessageType.DataAmf0, 0, data));
        Assert.Equal(0x90000000, Times(MessageType.Video, 0x90000000, [0x17, 1, 0, 0, 0, 1]));
        Assert.Equal(0x100000000, Times(MessageType.DataAmf0, 0, data));
        Assert.Equal(0x90000028, Times(MessageType.Video, 0x90000028, [0x27, 1, 0, 0, 0, 1]));
    }

    [Fact]
    public void Metadata_loses_the_call_that_was_meant_for_the_server()
    {
        byte[] value = [2, 0, 10, .. "onMetaData"u8, 8, 0, 0, 0, 1, 0, 9, .. "framerate"u8, 0, 0x40, 0x39, 0, 0, 0, 0, 0, 0, 0, 0, 9];
        var packet = Demux(MessageType.DataAmf0, 5, [2, 0, 13, .. "@setDataFrame"u8, .. value]);
        Assert.Equal(value, packet!.Payload.ToArray());
        Assert.Same(Track.Amf0Data, packet.Track);
        packet.Release();

        packet = Demux(MessageType.DataAmf3, 5, [0, .. value]);
        Assert.Equal(value, packet!.Payload.ToArray());
        packet.Release();

        // The sequence header here states no frame rate: the announced one counts.
        Demux(MessageType.Video, 0, AvcHeader);
        Assert.Equal(25, _demuxer.Video!.Video.FrameRate);
    }

    [Theory]
    [InlineData("@clearDataFrame", "")]
    [InlineData("@clearDataFrame", "onMetaData")]
    public void Metadata_that_are_taken_back_are_said_to_be_none(string call, string name)
    {
        byte[] body = [2, 0, (byte)call.Length, .. Encoding.ASCII.GetBytes(call)];
        var packet = Demux(MessageType.DataAmf0, 5, name.Length == 0 ? body : [.. body, 2, 0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name)]);
        Assert.Equal((0, PacketFlags.Metadata), (packet!.Payload.Length, packet.Flags));
        packet.Release();
    }

    [Fact]
    public void AMF3_data_whose_values_would_multiply_are_dropped()
    {
        byte[] body = [2, 0, 1, (byte)'x', 10, 0, 0, 0, 2, 3, 0, 0, 9, 7, 0, 1, 17, 1];
        Assert.Null(Demux(MessageType.DataAmf0, 0, body));
        Assert.Equal(1, _demuxer.DroppedMessages);
    }

    [Fact]
    public void Data_that_is_no_call_is_dropped_without_complaint()
    {
        Assert.Null(Demux(MessageType.DataAmf0, 0, [0, 0, 0, 1]));
        Assert.Null(Demux(MessageType.DataAmf0, 0, []));
        Assert.Equal(0, _demuxer.DroppedMessages);
    }

    [Fact]
    public void The_end_of_another_codecs_sequence_ends_nothing()
    {
        Demux(MessageType.Audio, 0, [0x91, .. "Opus"u8, 1])?.Release();
        Assert.Null(Demux(MessageType.Audio, 20, [0x92, .. "mp4a"u8]));
        var packet = Demux(MessageType.Audio, 40, [0x92, .. "Opus"u8]);
        Assert.Equal(PacketFlags.EndOfSequence, packet!.Flags);
        packet.Release();
        packet = Demux(MessageType.Audio, 60, []);
        Assert.Equal(PacketFlags.EndOfSequence, packet!.Flags);
        packet.Release();
    }

    [Fact]
    public void Mp3_needs_no_header()
    {
        var packet = Demux(MessageType.Audio, 0, [0x2E, 0xFF, 0xFB]);
        Assert.Equal(new AudioFormat(44100, 1), packet!.Track.Audio);
        Assert.Equal(CodecId.Mp3, packet.Track.Codec);
        packet.Release();
    }

    [Fact]
    public void Enhanced_hevc_becomes_a_track_and_packets()
    {
        Demux(MessageType.Video, 0, [0x90, .. "hvc1"u8, 1, 2, 3]);
        Assert.Equal(CodecId.Hevc, _demuxer.Video!.Codec);
        var packet = Demux(MessageType.Video, 40, [0x91, .. "hvc1"u8, 0, 0, 40, 5, 6]);
        Assert.True(packet!.IsKeyframe);
        Assert.Equal(80, packet.Pts.Milliseconds);
        Assert.Equal([5, 6], packet.Payload.ToArray());
        packet.Release();
        packet = Demux(MessageType.Video, 80, [0xA3, .. "hvc1"u8, 7]);
        Assert.Equal(MediaTime.FromMilliseconds(80), packet!.Pts);
        packet.Release();
    }

    private long Times(MessageType type, uint timestamp, byte[] body)
    {
        var packet = Demux(type, timestamp, body)!;
        var milliseconds = packet.Dts.Milliseconds;
        packet.Release();
        return milliseconds;
    }

    private Packet? Demux(MessageType type, uint timestamp, byte[] body) =>
        _demuxer.TryDemux(Message(type, timestamp, body), out var packet) ? packet : null;

    private RtmpMessage Message(MessageType type, uint timestamp, byte[] body)
    {
        var buffer = _pool.Rent(body.Length);
        body.CopyTo(buffer.Span);
        return new RtmpMessage(type, 6, 1, timestamp, buffer, body.Length);
    }
}
