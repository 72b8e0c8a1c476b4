using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;
using Transcoder.Testing;
using Transcoder.Testing.Rtmp;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Messages;

/// <summary>
/// Whole small streams, message by message: what becomes of them as packets, and what a receiver of everything, one that selects a track and an old one are sent.
/// </summary>
public sealed class EnhancedMessageTests : IDisposable
{
    private const string Avc = "61766331";
    private const string Hvc = "68766331";
    private const string Av01 = "61763031";
    private const string Aac = "6D703461";
    private const string Opus = "4F707573";
    private const string Color = "020009" + "636F6C6F72496E666F" + "03" + "000A" + "6269744465707468" + "6162" + "00" + "4024000000000000" + "000009";
    private const string NoColor = "020009" + "636F6C6F72496E666F" + "06";
    private const string EmptyColor = "020009" + "636F6C6F72496E666F" + "03000009";

    private readonly TrackingBufferPool _pool = new();

    /// <summary>Messages as type@time:body; packets as kind+track codec dts+cts payload; what a peer with every capability gets; what "?track=1" gets; what an old one gets.</summary>
    public static TheoryData<string, string, string, string, string, string> Streams => new()
    {
        {
            "one track of HEVC with composition times",
            $"9@0:90{Hvc}01 9@40:91{Hvc}000028AA 9@80:B3{Hvc}BB 9@80:92{Hvc}",
            "V0 hevc 40+40K AA;V0 hevc 80+0D BB;V0 hevc 80+0E ",
            $"9@40:90{Hvc}01 9@40:91{Hvc}000028AA 9@80:B3{Hvc}BB 9@80:92{Hvc}",
            "",
            ""
        },
        {
            "HEVC by its Chinese number",
            "9@0:1C0000000001 9@40:1C01FFFFFFAA",
            "V0 hevc 40-1K AA",
            $"9@40:90{Hvc}01 9@40:91{Hvc}FFFFFFAA",
            "",
            ""
        },
        {
            "two tracks, each in messages of its own, as FFmpeg sends them",
            $"9@0:170000000001 9@0:9600{Avc}0102 9@40:1701000000AA 9@40:9601{Avc}01000000BB 9@80:2701000000CC 9@80:A601{Avc}01000000DD",
            "V0 h264 40+0K AA;V1 h264 40+0K BB;V0 h264 80+0 CC;V1 h264 80+0 DD",
            $"9@40:90{Avc}01 9@40:93{Avc}AA 9@40:9600{Avc}0102 9@40:9603{Avc}01BB 9@80:A3{Avc}CC 9@80:A603{Avc}01DD",
            "9@40:170000000002 9@40:1701000000BB 9@80:2701000000DD",
            "9@40:170000000001 9@40:1701000000AA 9@80:2701000000CC"
        },
        {
            "several tracks of one codec in one message",
            $"9@0:9610{Avc}0000000101" + $"01000001 02".Replace(" ", "", StringComparison.Ordinal) + $" 9@40:9611{Avc}00000004000000AA01000004000001BB",
            "V0 h264 40+0K AA;V1 h264 40+1K BB",
            $"9@40:90{Avc}01 9@40:93{Avc}AA 9@40:9600{Avc}0102 9@40:9601{Avc}01000001BB",
            "9@40:170000000002 9@40:1701000001BB",
            "9@40:170000000001 9@40:1701000000AA"
        },
        {
            "several tracks and codecs in one message",
            $"9@0:9620{Avc}0000000101{Av01}0100000102 9@40:9621{Avc}00000004000000AA{Av01}01000001BB",
            "V0 h264 40+0K AA;V1 av1 40+0K BB",
            $"9@40:90{Avc}01 9@40:93{Avc}AA 9@40:9600{Av01}0102 9@40:9601{Av01}01BB",
            "",
            "9@40:170000000001 9@40:1701000000AA"
        },
        {
            "sound on two tracks",
            $"8@0:AF001210 8@0:9500{Aac}011190 8@20:AF01AA 8@20:9501{Aac}01BB 8@40:",
            "A0 aac 20+0 AA;A1 aac 20+0 BB;A0 aac 40+0E ",
            $"8@20:90{Aac}1210 8@20:91{Aac}AA 8@20:9500{Aac}011190 8@20:9501{Aac}01BB 8@40:92{Aac}",
            "8@20:AF001210 8@20:AF01AA 8@40:",
            "8@20:AF001210 8@20:AF01AA 8@40:"
        },
        {
            "nanoseconds beside the milliseconds",
            $"9@0:90{Hvc}01 9@40:97020F423F01{Hvc}000028AA 8@40:9702000001014F707573CC",
            "V0 hevc 40+40.999999K AA;A0 opus 40+0.000001 CC",
            $"9@40:90{Hvc}01 9@40:97020F423F01{Hvc}000028AA 8@40:970200000101{Opus}CC",
            "",
            ""
        },
        {
            "colour that comes, is repeated, changes nothing, and goes",
            $"9@0:90{Hvc}01 9@0:D4{Hvc}{Color} 9@40:93{Hvc}AA 9@40:D4{Hvc}{Color} 9@80:A3{Hvc}BB 9@80:D4{Hvc}{EmptyColor} 9@120:A3{Hvc}CC",
            "V0 hevc 40+0K AA;V0 hevc 80+0 BB;V0 hevc 120+0 CC",
            $"9@40:90{Hvc}01 9@40:D4{Hvc}{Color} 9@40:93{Hvc}AA 9@80:A3{Hvc}BB 9@120:D4{Hvc}{NoColor} 9@120:A3{Hvc}CC",
            "",
            ""
        },
        {
            "colour before the sequence header, and a new header under the same colour",
            $"9@0:D4{Hvc}{Color} 9@0:90{Hvc}01 9@40:93{Hvc}AA 9@80:90{Hvc}02 9@80:93{Hvc}BB",
            "V0 hevc 40+0K AA;V0 hevc 80+0K BB",
            $"9@40:90{Hvc}01 9@40:D4{Hvc}{Color} 9@40:93{Hvc}AA 9@80:90{Hvc}02 9@80:D4{Hvc}{Color} 9@80:93{Hvc}BB",
            "",
            ""
        },
        {
            "Opus whose channels stand in MultichannelConfig, and an empty header",
            $"8@0:90{Opus} 8@0:94{Opus}010600 00003F 8@20:91{Opus}AA".Replace("010600 00003F", "01060000003F", StringComparison.Ordinal),
            "A0 opus 20+0 AA",
            $"8@20:94{Opus}01060000003F 8@20:91{Opus}AA",
            "",
            ""
        },
        {
            "an empty AV1 header before the real one, seek marks and an unknown packet type",
            $"9@0:90{Av01} 9@0:90{Av01}07 9@0:D100 9@0:9B{Av01}01 9@40:91{Av01}AA 9@40:D101",
            "V0 av1 40+0K AA",
            $"9@40:90{Av01}07 9@40:91{Av01}AA",
            "",
            ""
        },
    };

    public void Dispose() => _pool.Dispose();

    [Theory]
    [MemberData(nameof(Streams))]
    public void Messages_become_packets_and_each_receiver_gets_what_it_reads(string name, string messages, string packets, string modern, string selected, string old)
    {
        Assert.NotEmpty(name);
        var all = Demux(messages);
        Assert.Equal(packets, string.Join(';', all.Select(Shown)));
        var everything = PeerCapabilities.Parse(new AmfObject().Add("fourCcList", AmfValue.Of([AmfValue.Of("*")])).Add("capsEx", AmfValue.Of(15.0)).Add("videoFunction", AmfValue.Of(4.0)));
        Assert.Equal(modern, Sent(all, everything, default));
        Assert.Equal(selected, Sent(all, PeerCapabilities.None, new TrackSelection(1, 0)));
        Assert.Equal(old, Sent(all, PeerCapabilities.None, default));

        // A receiver of everything, read again, is the same stream.
        var again = Demux(modern);
        Assert.Equal(packets, string.Join(';', again.Select(Shown)));
        foreach (var packet in all.Concat(again))
        {
            packet.Release();
        }
    }

    [Fact]
    public void Receivers_of_one_class_share_one_image_and_classes_do_not_mix()
    {
        var all = Demux($"9@0:170000000001 9@40:1701000000AA");
        var muxer = new MessageMuxer(_pool, 60_000);
        var packet = all[0];
        var plain = muxer.ImageOf(packet);
        var precise = muxer.ImageOf(packet, FlvForms.Precise);
        Assert.Same(plain, muxer.ImageOf(packet));
        Assert.Same(precise, muxer.ImageOf(packet, FlvForms.Precise));
        Assert.NotSame(plain, precise);
        Assert.Same(plain, packet.Image);
        plain.Release();
        plain.Release();
        precise.Release();
        precise.Release();
        packet.Release();
    }

    [Fact]
    public void Other_tracks_begin_at_keyframes_of_their_own_and_again_after_a_gap()
    {
        var all = Demux($"9@0:170000000001 9@0:9600{Avc}0102 9@0:1701000000A0 9@0:A603{Avc}01B0 9@40:9603{Avc}01B1 9@80:1701000000A2 9@80:A603{Avc}01B2 9@120:9603{Avc}01B3");
        var peer = PeerCapabilities.Parse(new AmfObject().Add("fourCcList", AmfValue.Of([AmfValue.Of("avc1")])).Add("capsEx", AmfValue.Of(2.0)));
        var composer = new MessageComposer(new MessageMuxer(_pool, 60_000), publishing: false, peer);
        var images = new List<WireImage>();
        for (var i = 0; i < all.Count; i++)
        {
            if (i == 3)
            {
                composer.SkipGap();
            }

            composer.Add(all[i]);
            composer.Compose(images);
        }

        Assert.Equal(["A0", "B1", "A2", "B3"], images.Select(static image => Convert.ToHexString(image.ToArray()[^1..])).Where(static last => last is not ("09" or "01" or "02")));
        images.ForEach(static image => image.Release());
    }

    [Fact]
    public void Metadata_that_we_make_describe_every_track()
    {
        var all = Demux($"9@0:170000000001 9@0:9600{Avc}0102 8@0:9500{Aac}021190 9@0:1701000000AA 9@0:9603{Avc}01BB 8@0:9501{Aac}02CC");
        var image = new MessageMuxer(_pool, 60_000).Metadata(all[0].Track, null, [all[1].Track, all[2].Track], 0, publishing: false);
        var reader = new Amf0Reader(image.ToArray()[12..]);
        Assert.True(reader.TryReadString(out var name));
        Assert.True(reader.TryRead(out var value));
        Assert.Equal("onMetaData", name);
        Assert.Equal(7, value.AsObject!["videocodecid"].AsNumber);
        Assert.Equal(7, value.AsObject["videoTrackIdInfoMap"].AsObject!["1"].AsObject!["videocodecid"].AsNumber);
        Assert.Equal(48000, value.AsObject["audioTrackIdInfoMap"].AsObject!["2"].AsObject!["audiosamplerate"].AsNumber);
        image.Release();
        all.ForEach(static packet => packet.Release());
    }

    [Fact]
    public void Tracks_are_limited()
    {
        var demuxer = new MessageDemuxer(_pool);
        for (var id = 0; id < 40; id++)
        {
            demuxer.TryDemux(Message(9, 0, Convert.FromHexString($"9600{Avc}{id:X2}02")), out _);
        }

        Assert.Equal(24, demuxer.DroppedMessages);
    }

    private static string Shown(Packet packet)
    {
        var offset = (packet.Pts - packet.Dts).Nanoseconds;
        var nanoseconds = offset % 1_000_000;
        var fraction = nanoseconds == 0 ? "" : $".{nanoseconds:D6}";
        var flag = (packet.Flags & PacketFlags.EndOfSequence) != 0 ? "E" : packet.IsKeyframe ? "K" : (packet.Flags & PacketFlags.Disposable) != 0 ? "D" : "";
        return $"{packet.Track.Kind.ToString()[0]}{packet.Track.Id} {packet.Track.Codec.Name()} {packet.Dts.Milliseconds}{(offset < 0 ? "" : "+")}{offset / 1_000_000}{fraction}{flag} {Convert.ToHexString(packet.Payload.Span)}";
    }

    private List<Packet> Demux(string messages)
    {
        var demuxer = new MessageDemuxer(_pool);
        var packets = new List<Packet>();
        foreach (var text in messages.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var at = text.IndexOf('@', StringComparison.Ordinal);
            var colon = text.IndexOf(':', StringComparison.Ordinal);
            var time = uint.Parse(text[(at + 1)..colon], System.Globalization.CultureInfo.InvariantCulture);
            if (demuxer.TryDemux(Message((byte)(text[0] - '0'), time, Convert.FromHexString(text[(colon + 1)..])), out var packet))
            {
                packets.Add(packet);
                while (demuxer.TryNext(out packet))
                {
                    packets.Add(packet);
                }
            }
        }

        return packets;
    }

    private string Sent(List<Packet> packets, PeerCapabilities peer, TrackSelection selection)
    {
        var composer = new MessageComposer(new MessageMuxer(_pool, 60_000), publishing: false, peer, selection);
        var sent = new List<string>();
        var images = new List<WireImage>();
        using var reader = new ChunkReader(_pool, ChunkLimits.Default);
        foreach (var packet in packets)
        {
            packet.AddReference();
            composer.Add(packet);
            composer.Compose(images);
        }

        foreach (var image in images)
        {
            byte[] bytes = [2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0xEA, 0x60, .. image.ToArray()];
            var sequence = new System.Buffers.ReadOnlySequence<byte>(bytes);
            Assert.Equal(ChunkReadResult.Message, reader.Read(ref sequence, out var message));
            if (message.Type != MessageType.DataAmf0)
            {
                sent.Add($"{(byte)message.Type}@{message.Timestamp}:{Convert.ToHexString(message.Body)}");
            }

            message.Buffer.Release();
            image.Release();
        }

        return string.Join(' ', sent);
    }

    private RtmpMessage Message(byte type, uint timestamp, byte[] body)
    {
        var buffer = _pool.Rent(body.Length);
        body.CopyTo(buffer.Span);
        return new RtmpMessage((MessageType)type, 6, 1, timestamp, buffer, body.Length);
    }
}
