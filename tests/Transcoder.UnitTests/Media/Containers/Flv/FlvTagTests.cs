using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Media.Containers.Flv;

public sealed class FlvTagTests
{
    /// <summary>Body, then each track as kind codec frame-type cts track+nanoseconds offset/length. Most are the heads of messages that FFmpeg 8.1 and the authors of Enhanced RTMP sent.</summary>
    public static TheoryData<string, string> VideoBodies => new()
    {
        { "", "Empty None Reserved 0 0+0 0/0" },
        { "1700000000AABB", "SequenceStart H264 Key 0 0+0 5/2" },
        { "1701FFFFF0AABB", "CodedFrames H264 Key -16 0+0 5/2" },
        { "2701000085AA", "CodedFrames H264 Inter 133 0+0 5/1" },
        { "3701000000AA", "CodedFrames H264 DisposableInter 0 0+0 5/1" },
        { "1702000000", "SequenceEnd H264 Key 0 0+0 5/0" },
        { "1C01000042AA", "CodedFrames Hevc Key 66 0+0 5/1" },
        { "1D01000000AA", "CodedFrames Av1 Key 0 0+0 5/1" },
        { "22AABB", "CodedFrames None Inter 0 0+0 1/2" },
        { "5700", "Command H264 Command 0 0+0 1/1" },
        { "9068766331AA", "SequenceStart Hevc Key 0 0+0 5/1" },
        { "9061763031", "SequenceStart Av1 Key 0 0+0 5/0" },
        { "9168766331FFFFFFAA", "CodedFrames Hevc Key -1 0+0 8/1" },
        { "A368766331AA", "CodedFrames Hevc Inter 0 0+0 5/1" },
        { "A161763031AABB", "CodedFrames Av1 Inter 0 0+0 5/2" },
        { "B176703039AA", "CodedFrames Vp9 DisposableInter 0 0+0 5/1" },
        { "9176703038AA", "CodedFrames Vp8 Key 0 0+0 5/1" },
        { "9268766331", "SequenceEnd Hevc Key 0 0+0 5/0" },
        { "D4687663310200", "Metadata Hevc Command 0 0+0 5/2" },
        { "D100", "Command None Command 0 0+0 1/1" },
        { "9561763031AA", "Mpeg2TsSequenceStart Av1 Key 0 0+0 5/1" },
        { "9B68766331010203", "Unknown Hevc Key 0 0+0 5/3" },
        { "9176766331000001AA", "CodedFrames None Key 1 0+0 8/1" },
        { "96006176633101AABB", "SequenceStart H264 Key 0 1+0 7/2" },
        { "A6016176633101000085AA", "CodedFrames H264 Inter 133 1+0 10/1" },
        { "96116176633100000004000043AA01000005000000BBCC", "CodedFrames H264 Key 67 0+0 13/1;CodedFrames H264 Key 0 1+0 21/2" },
        { "96216176633100000004000043AA6176303101000001BB", "CodedFrames H264 Key 67 0+0 13/1;CodedFrames Av1 Key 0 1+0 22/1" },
        { "97020F423F0176703039AA", "CodedFrames Vp9 Key 0 0+999999 10/1" },
        { "970400000700000361766331AA", "CodedFrames H264 Key 0 0+7 12/1" },
        { "97020F42400176703039AA", "CodedFrames Vp9 Key 0 0+0 10/1" },
        { "9700AA170200000906016176303103BB", "CodedFrames Av1 Key 0 3+9 15/1" },
        { "97FF0002000005016176303131AA", "CodedFrames Av1 Key 0 0+5 12/2" },
    };

    public static TheoryData<string, string> AudioBodies => new()
    {
        { "", "Empty None 0+0 0/0" },
        { "AF001210", "SequenceStart Aac 0+0 2/2" },
        { "AF0121AABB", "CodedFrames Aac 0+0 2/3" },
        { "2FFFFB70", "CodedFrames Mp3 0+0 1/3" },
        { "EEFFFB", "CodedFrames Mp3 0+0 1/2" },
        { "7FAA", "CodedFrames None 0+0 1/1" },
        { "904F7075734F70", "SequenceStart Opus 0+0 5/2" },
        { "914F707573FCAA", "CodedFrames Opus 0+0 5/2" },
        { "91664C6143AA", "CodedFrames Flac 0+0 5/1" },
        { "9161632D330B77", "CodedFrames Ac3 0+0 5/2" },
        { "9165632D330B77", "CodedFrames Eac3 0+0 5/2" },
        { "912E6D7033FFFB", "CodedFrames Mp3 0+0 5/2" },
        { "906D7034611190", "SequenceStart Aac 0+0 5/2" },
        { "926D703461", "SequenceEnd Aac 0+0 5/0" },
        { "9461632D3301060000060F", "MultichannelConfig Ac3 0+0 5/6" },
        { "95016D70346101AA", "CodedFrames Aac 1+0 7/1" },
        { "95214F70757302000001AA6D70346103000002BBCC", "CodedFrames Opus 2+0 10/1;CodedFrames Aac 3+0 19/2" },
        { "9702000064014F707573AA", "CodedFrames Opus 0+100 10/1" },
    };

    public static TheoryData<string> RefusedVideo => new("17", "170100", "80", "90687663", "9168766331", "91687663310000", "97", "97FF00", "96", "9606", "96306176633100",
        "961161766331000000FF00", "D1");

    [Theory]
    [MemberData(nameof(VideoBodies))]
    public void Video_bodies_are_told_apart(string hex, string expected)
    {
        var body = Convert.FromHexString(hex);
        List<string> tracks = [];
        foreach (var tag in FlvVideoTag.Tracks(body))
        {
            tracks.Add($"{tag.PacketKind} {tag.CodecId} {tag.FrameType} {tag.CompositionTime} {tag.TrackId}+{tag.NanosecondOffset} {tag.PayloadOffset}/{tag.PayloadLength}");
        }

        Assert.Equal(expected, string.Join(';', tracks));
    }

    [Theory]
    [MemberData(nameof(AudioBodies))]
    public void Audio_bodies_are_told_apart(string hex, string expected)
    {
        var body = Convert.FromHexString(hex);
        List<string> tracks = [];
        foreach (var tag in FlvAudioTag.Tracks(body))
        {
            tracks.Add($"{tag.PacketKind} {tag.CodecId} {tag.TrackId}+{tag.NanosecondOffset} {tag.PayloadOffset}/{tag.PayloadLength}");
        }

        Assert.Equal(expected, string.Join(';', tracks));
    }

    [Theory]
    [MemberData(nameof(RefusedVideo))]
    public void Video_bodies_cut_inside_their_header_are_refused(string hex) =>
        Assert.False(FlvVideoTag.TryParse(Convert.FromHexString(hex), out _));

    [Fact]
    public void Bodies_cut_at_any_length_never_point_outside()
    {
        foreach (var row in VideoBodies.Concat(AudioBodies))
        {
            var body = Convert.FromHexString(row.Data.Item1);
            for (var length = 0; length <= body.Length; length++)
            {
                Touch(body.AsSpan(0, length));
            }
        }
    }

    [Fact]
    public void Random_bodies_never_point_outside()
    {
        var random = new Random(1);
        var body = new byte[64];
        for (var i = 0; i < 100_000; i++)
        {
            random.NextBytes(body);
            body[0] |= 0x80;
            Touch(body.AsSpan(0, random.Next(body.Length)));
        }
    }

    [Theory]
    [InlineData(CodecId.H264, 0, 40, PacketFlags.Keyframe, "1701000028")]
    [InlineData(CodecId.H264, 0, 0, PacketFlags.Disposable, "3701000000")]
    [InlineData(CodecId.H264, 2, 40, PacketFlags.None, "A6016176633102000028")]
    [InlineData(CodecId.Hevc, 0, 0, PacketFlags.Keyframe, "9368766331")]
    [InlineData(CodecId.Hevc, 0, -5, PacketFlags.None, "A168766331FFFFFB")]
    [InlineData(CodecId.Av1, 0, 0, PacketFlags.Keyframe, "9161763031")]
    [InlineData(CodecId.Vp9, 0, 0, PacketFlags.None, "A176703039")]
    [InlineData(CodecId.Vp8, 0, 0, PacketFlags.None, "A176703038")]
    public void Video_headers_are_written_as_receivers_read_them(CodecId codec, byte trackId, int cts, PacketFlags flags, string expected)
    {
        using var pool = new TrackingBufferPool();
        var track = new Track(TrackKind.Video, codec, new byte[] { 1, 2 }) { Id = trackId };
        var packet = Packet.Copy(pool, track, MediaTime.FromMilliseconds(1000), MediaTime.FromMilliseconds(1000 + cts), flags, [0xAA]);
        var target = new byte[FlvVideoTag.MaxHeaderSize];
        var length = FlvVideoTag.WriteHeader(target, packet);
        packet.Release();
        Assert.Equal(expected, Convert.ToHexString(target, 0, length));
        Assert.True(FlvVideoTag.TryParse([.. target.AsSpan(0, length), 0xAA], out var tag));
        Assert.Equal((codec, trackId, cts, FlvPacketKind.CodedFrames, 1), (tag.CodecId, tag.TrackId, tag.CompositionTime, tag.PacketKind, tag.PayloadLength));
        Assert.Equal((flags & PacketFlags.Keyframe) != 0, tag.IsKeyframe);
        Assert.Equal((flags & PacketFlags.Disposable) != 0, tag.IsDisposable);
    }

    [Theory]
    [InlineData(CodecId.Aac, 0, 48000, 2, "AF01", "AF000102")]
    [InlineData(CodecId.Aac, 1, 48000, 2, "95016D70346101", "95006D703461010102")]
    [InlineData(CodecId.Mp3, 0, 44100, 2, "2F", "")]
    [InlineData(CodecId.Mp3, 0, 22050, 1, "2A", "")]
    [InlineData(CodecId.Mp3, 0, 8000, 1, "E2", "")]
    [InlineData(CodecId.Opus, 0, 48000, 2, "914F707573", "904F7075730102")]
    [InlineData(CodecId.Flac, 0, 48000, 2, "91664C6143", "90664C61430102")]
    [InlineData(CodecId.Ac3, 0, 48000, 6, "9161632D33", "9061632D330102")]
    [InlineData(CodecId.Eac3, 0, 48000, 6, "9165632D33", "9065632D330102")]
    public void Audio_headers_are_written_as_receivers_read_them(CodecId codec, byte trackId, int rate, int channels, string frame, string start)
    {
        using var pool = new TrackingBufferPool();
        var track = new Track(TrackKind.Audio, codec, new byte[] { 1, 2 }, Audio: new AudioFormat(rate, channels)) { Id = trackId };
        var packet = Packet.Copy(pool, track, MediaTime.Zero, MediaTime.Zero, PacketFlags.None, [0xAA]);
        var target = new byte[FlvAudioTag.SequenceHeaderSize(track)];
        Assert.Equal(frame, Convert.ToHexString(target, 0, FlvAudioTag.WriteHeader(target, packet)));
        Assert.Equal(start, Convert.ToHexString(target, 0, FlvAudioTag.WriteSequenceHeader(track, target)));
        packet.Release();
    }

    [Theory]
    [InlineData(CodecId.H264, 0, "17000000000102", "1702000000")]
    [InlineData(CodecId.H264, 1, "960061766331010102", "96026176633101")]
    [InlineData(CodecId.Hevc, 0, "90687663310102", "9268766331")]
    public void Sequence_headers_and_ends_carry_the_record_and_the_codec(CodecId codec, byte trackId, string start, string end)
    {
        var track = new Track(TrackKind.Video, codec, new byte[] { 1, 2 }) { Id = trackId };
        var target = new byte[FlvVideoTag.SequenceHeaderSize(track)];
        Assert.Equal(start, Convert.ToHexString(target, 0, FlvVideoTag.WriteSequenceHeader(track, target)));
        Assert.Equal(end, Convert.ToHexString(target, 0, FlvVideoTag.WriteSequenceEnd(track, target)));
        Assert.Equal(0, FlvVideoTag.WriteSequenceHeader(track with { Config = default }, []));
    }

    /// <summary>Decoding and presentation time in microseconds.</summary>
    [Theory]
    [InlineData(CodecId.H264, 0, 1000_000, 1040_000, FlvForms.Precise, "9161766331000028", 1000)]
    [InlineData(CodecId.H264, 0, 1000_900, 1040_250, FlvForms.Precise, "97" + "0203D090" + "01" + "61766331" + "000028", 1000)]
    [InlineData(CodecId.Hevc, 0, 1000_999, 1000_999, FlvForms.Precise, "97" + "020F3E58" + "03" + "68766331", 1000)]
    [InlineData(CodecId.Av1, 3, 1000_001, 1000_001, FlvForms.Precise, "97" + "020003E8" + "06" + "01" + "61763031" + "03", 1000)]
    [InlineData(CodecId.H264, 3, 1000_000, 1000_000, FlvForms.AsDefaultTrack, "1701000000", 1000)]
    [InlineData(CodecId.Hevc, 3, 1000_000, 1000_000, FlvForms.AsDefaultTrack, "9368766331", 1000)]
    [InlineData(CodecId.Aac, 0, 21_333, 21_333, FlvForms.Precise, "97" + "020514C8" + "01" + "6D703461", 21)]
    [InlineData(CodecId.Aac, 2, 21_000, 21_000, FlvForms.Precise, "95" + "01" + "6D703461" + "02", 21)]
    [InlineData(CodecId.Aac, 2, 21_000, 21_000, FlvForms.AsDefaultTrack, "AF01", 21)]
    [InlineData(CodecId.Opus, 0, -1, -1, FlvForms.Precise, "97" + "020F3E58" + "01" + "4F707573", 0xFFFFFFFF)]
    public void Precise_forms_say_every_nanosecond(CodecId codec, byte trackId, long dts, long pts, FlvForms forms, string expected, uint timestamp)
    {
        using var pool = new TrackingBufferPool();
        var video = (byte)codec < (byte)CodecId.Aac;
        var track = new Track(video ? TrackKind.Video : TrackKind.Audio, codec, default) { Id = trackId };
        var packet = Packet.Copy(pool, track, new MediaTime(dts * 1000), new MediaTime(pts * 1000), PacketFlags.Keyframe, []);
        var target = new byte[FlvVideoTag.MaxHeaderSize];
        var length = video ? FlvVideoTag.WriteHeader(target, packet, forms) : FlvAudioTag.WriteHeader(target, packet, forms);
        Assert.Equal((expected, timestamp), (Convert.ToHexString(target, 0, length), FlvVideoTag.PreciseTimestamp(packet)));
        packet.Release();
        if ((forms & FlvForms.Precise) != 0)
        {
            FlvVideoTag.TryParse(target.AsSpan(0, length), out var picture);
            FlvAudioTag.TryParse(target.AsSpan(0, length), out var sound);
            var nanoseconds = video ? (picture.CompositionTime * 1_000_000L) + picture.NanosecondOffset : sound.NanosecondOffset;
            Assert.Equal(pts * 1000, ((long)(int)timestamp * 1_000_000) + nanoseconds);
        }
    }

    [Theory]
    [InlineData(CodecId.Hevc, 0, "D468766331", "9268766331")]
    [InlineData(CodecId.Av1, 2, "D604" + "61763031" + "02", "9602" + "61763031" + "02")]
    [InlineData(CodecId.H264, 0, "D461766331", "1702000000")]
    [InlineData(CodecId.Opus, 0, "944F707573", "924F707573")]
    [InlineData(CodecId.Aac, 1, "9504" + "6D703461" + "01", "9502" + "6D703461" + "01")]
    [InlineData(CodecId.Aac, 0, "946D703461", "")]
    public void Descriptions_and_ends_are_written_as_receivers_read_them(CodecId codec, byte trackId, string description, string end)
    {
        using var pool = new TrackingBufferPool();
        var video = (byte)codec < (byte)CodecId.Aac;
        var track = new Track(video ? TrackKind.Video : TrackKind.Audio, codec, default) { Id = trackId };
        var packet = Packet.Copy(pool, track, MediaTime.Zero, MediaTime.Zero, PacketFlags.EndOfSequence, []);
        var target = new byte[FlvVideoTag.MaxHeaderSize];
        Assert.Equal(description, Convert.ToHexString(target, 0, video ? FlvVideoTag.WriteMetadataHeader(track, target) : FlvAudioTag.WriteMultichannelHeader(track, target)));
        Assert.Equal(end, Convert.ToHexString(target, 0, video ? FlvVideoTag.WriteHeader(target, packet) : FlvAudioTag.WriteHeader(target, packet)));
        packet.Release();
    }

    [Fact]
    public void The_receivers_sum_is_the_rounded_presentation_time()
    {
        using var pool = new TrackingBufferPool();
        var track = new Track(TrackKind.Video, CodecId.H264, default);
        var target = new byte[FlvVideoTag.MaxHeaderSize];
        for (var frame = 0; frame < 300; frame++)
        {
            var dts = MediaTime.FromSamples(frame, 60);
            var pts = MediaTime.FromSamples(frame + (frame % 4), 60);
            var packet = Packet.Copy(pool, track, dts, pts, PacketFlags.None, []);
            FlvVideoTag.WriteHeader(target, packet);
            packet.Release();
            Assert.True(FlvVideoTag.TryParse(target, out var tag));
            Assert.Equal(pts.Milliseconds, dts.Milliseconds + tag.CompositionTime);
        }
    }

    private static void Touch(ReadOnlySpan<byte> body)
    {
        foreach (var tag in FlvVideoTag.Tracks(body))
        {
            Assert.InRange(tag.NanosecondOffset, 0, 999_999);
            _ = tag.Payload(body);
        }

        foreach (var tag in FlvAudioTag.Tracks(body))
        {
            _ = tag.Payload(body);
        }
    }
}
