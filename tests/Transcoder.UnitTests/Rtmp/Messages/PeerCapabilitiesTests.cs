using System.Buffers;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Messages;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Messages;

public sealed class PeerCapabilitiesTests
{
    /// <summary>Properties of connect, the codecs that may be sent with FourCC, and what a reason says of them.</summary>
    public static TheoryData<string, CodecId[], string> Announcements => new()
    {
        { "", [], "" },
        { "fourCcList:av01", [CodecId.Av1], "av01" },
        { "fourCcList:hvc1,Opus", [CodecId.Hevc, CodecId.Opus], "Opus, hvc1" },
        { "fourCcList:*", [CodecId.Hevc, CodecId.Av1, CodecId.Vp8, CodecId.Opus, CodecId.Ac3], "any codec" },
        { "videoFourCcInfoMap:hvc1=1,av01=4,vp09=2", [CodecId.Hevc, CodecId.Av1], "av01, hvc1" },
        { "videoFourCcInfoMap:*=1", [CodecId.Hevc, CodecId.Av1, CodecId.Vp9], "any video" },
        { "audioFourCcInfoMap:*=4", [CodecId.Opus, CodecId.Flac], "any audio" },
        { "audioFourCcInfoMap:*=2", [], "" },
        { "videoFourCcInfoMap:*=7;audioFourCcInfoMap:Opus=1;fourCcList:vp09", [CodecId.Hevc, CodecId.Opus], "Opus, vp09, any video" },
        { "fourCcList:toolong,x", [], "" },
    };

    [Theory]
    [MemberData(nameof(Announcements))]
    public void Only_what_was_announced_is_read(string announced, CodecId[] expected, string said)
    {
        var peer = PeerCapabilities.Parse(Properties(announced));
        foreach (var codec in (CodecId[])[CodecId.H264, CodecId.Hevc, CodecId.Av1, CodecId.Vp9, CodecId.Vp8])
        {
            Assert.Equal(expected.Contains(codec) || said is "any codec" || said.Contains("any video", StringComparison.Ordinal), peer.Reads(new Track(TrackKind.Video, codec, default)));
        }

        foreach (var codec in (CodecId[])[CodecId.Aac, CodecId.Opus, CodecId.Flac, CodecId.Ac3, CodecId.Eac3, CodecId.Mp3])
        {
            Assert.Equal(expected.Contains(codec) || said is "any codec" or "any audio", peer.Reads(new Track(TrackKind.Audio, codec, default)));
        }

        Assert.Equal(said, peer.ToString());
        Assert.Equal(said.Length > 0, peer.NamesCodecs);
    }

    [Theory]
    [InlineData(0, false, false, false)]
    [InlineData(1, true, false, false)]
    [InlineData(2, false, true, false)]
    [InlineData(4, false, false, false)]
    [InlineData(8, false, false, false)]
    [InlineData(12, false, false, true)]
    [InlineData(15, true, true, true)]
    [InlineData(-1, false, false, false)]
    [InlineData(double.NaN, false, false, false)]
    [InlineData(1e20, false, false, false)]
    public void Extended_capabilities_are_read_bit_by_bit(double value, bool reconnect, bool multitrack, bool nanoseconds)
    {
        var peer = PeerCapabilities.Parse(new AmfObject().Add("capsEx", AmfValue.Of(value)));
        Assert.Equal((reconnect, multitrack, nanoseconds), (peer.CanReconnect, peer.IsMultitrack, peer.ReadsNanoseconds));
    }

    /// <summary>FFmpeg announces a list, at most, and the 1 of Flash; what says more says this too.</summary>
    [Theory]
    [InlineData(true, null, 1, true)]
    [InlineData(true, 3, 1, false)]
    [InlineData(true, 3, 4, true)]
    [InlineData(true, null, 6, true)]
    [InlineData(false, null, 1, false)]
    public void Metadata_packets_are_for_who_announced_them_and_for_version_1(bool list, int? extended, int functions, bool reads)
    {
        var properties = new AmfObject().Add("videoFunction", AmfValue.Of((double)functions));
        if (list)
        {
            properties.Add("fourCcList", AmfValue.Of([AmfValue.Of("hvc1")]));
        }

        if (extended is { } value)
        {
            properties.Add("capsEx", AmfValue.Of((double)value));
        }

        Assert.Equal(reads, PeerCapabilities.Parse(properties).ReadsMetadata);
    }

    [Fact]
    public void Our_own_side_names_every_codec_that_we_carry_and_both_objects_of_an_answer_are_read()
    {
        var output = new ArrayBufferWriter<byte>();
        PeerCapabilities.WriteOurs(new Amf0Writer(output).BeginObject()).End();
        Assert.True(new Amf0Reader(output.WrittenSpan).TryRead(out var value));
        var ours = value.AsObject!;
        Assert.Equal(15, ours["capsEx"].AsNumber);
        Assert.Equal(["avc1", "hvc1", "av01", "vp09", "vp08", "mp4a", "Opus", "fLaC", "ac-3", "ec-3", ".mp3"], ours["fourCcList"].AsArray!.Select(static name => name.AsString));
        Assert.Equal(["avc1", "hvc1", "av01", "vp09", "vp08"], ours["videoFourCcInfoMap"].AsObject!.Properties.Select(static pair => pair.Key));
        Assert.All(ours["audioFourCcInfoMap"].AsObject!.Properties, static pair => Assert.Equal(7, pair.Value.AsNumber));
        Assert.True(PeerCapabilities.Parse(null, ours).Reads(new Track(TrackKind.Video, CodecId.Vp8, default)));
        Assert.True(PeerCapabilities.Parse(ours, new AmfObject()).Reads(new Track(TrackKind.Audio, CodecId.Eac3, default)));
    }

    [Theory]
    [InlineData("s", null, null)]
    [InlineData("s?key=k", null, null)]
    [InlineData("s?track=2", 2, 0)]
    [InlineData("s?key=k&track=2", 2, 0)]
    [InlineData("s?video_track=1&audio_track=3", 1, 3)]
    [InlineData("s?audio_track=1", 0, 1)]
    [InlineData("s?track=256", null, null)]
    [InlineData("s?track=-1&audio_track=x", null, null)]
    public void A_play_name_selects_tracks(string name, int? video, int? audio) =>
        Assert.Equal(new TrackSelection((byte?)video, (byte?)audio), TrackSelection.Parse(name));

    private static AmfObject Properties(string text)
    {
        var properties = new AmfObject();
        foreach (var (name, value) in text.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(static part => (part.Split(':')[0], part.Split(':')[1])))
        {
            if (name == "fourCcList")
            {
                properties.Add(name, AmfValue.Of([.. value.Split(',').Select(AmfValue.Of)]));
                continue;
            }

            var map = new AmfObject();
            foreach (var entry in value.Split(','))
            {
                map.Add(entry.Split('=')[0], AmfValue.Of(double.Parse(entry.Split('=')[1], System.Globalization.CultureInfo.InvariantCulture)));
            }

            properties.Add(name, AmfValue.Of(map));
        }

        return properties;
    }
}
