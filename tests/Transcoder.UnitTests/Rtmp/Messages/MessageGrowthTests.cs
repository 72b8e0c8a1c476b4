using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Messages;

/// <summary>What a publisher's messages can make the server hold.</summary>
public sealed class MessageGrowthTests : IDisposable
{
    private readonly TrackingBufferPool _pool = new();
    private readonly MessageDemuxer _demuxer;

    public MessageGrowthTests() => _demuxer = new MessageDemuxer(_pool);

    public void Dispose() => _pool.Dispose();

    [Theory]
    [InlineData(9, "9611", "vp09", "00000001AA")]
    [InlineData(8, "9511", "Opus", "00000001AA")]
    public void One_message_makes_no_more_packets_than_tracks_are_allowed(byte type, string head, string fourCc, string track)
    {
        byte[] body = [.. Convert.FromHexString(head), .. System.Text.Encoding.ASCII.GetBytes(fourCc), .. Enumerable.Repeat(Convert.FromHexString(track), 10_000).SelectMany(static part => part)];
        Assert.Equal(TrackTable.MostTracks, Demux((MessageType)type, body));
        Assert.Equal(1, _demuxer.DroppedMessages);
    }

    [Fact]
    public void A_configuration_is_no_longer_than_real_ones()
    {
        Assert.Equal(0, Demux(MessageType.Video, [0x17, 0, 0, 0, 0, 1, .. new byte[64 << 10]]));
        Assert.Null(_demuxer.Video);
        Demux(MessageType.Video, [0x17, 0, 0, 0, 0, 1, .. new byte[(64 << 10) - 1]]);
        Assert.NotNull(_demuxer.Video);
        Assert.Equal(1, _demuxer.DroppedMessages);
    }

    [Fact]
    public void Data_that_would_grow_beyond_a_message_are_dropped()
    {
        // AMF3 text that is no UTF-8: six megabytes become eighteen. Its length is U29: 0x2DC6C0 << 1 | 1.
        byte[] text = [0x82, 0xEE, 0x8D, 0x81, .. Enumerable.Repeat((byte)0xFF, 6_000_000)];
        text[0] = 0x80 | (12_000_001 >> 22);
        text[1] = 0x80 | ((12_000_001 >> 15) & 0x7F);
        text[2] = 0x80 | ((12_000_001 >> 8) & 0x7F);
        text[3] = 12_000_001 & 0xFF;
        Assert.Equal(0, Demux(MessageType.DataAmf3, [0, 2, 0, 1, (byte)'d', 17, 6, .. text]));
        Assert.Equal(1, _demuxer.DroppedMessages);
    }

    [Fact]
    public void A_peers_codecs_are_few_and_printable()
    {
        var names = new AmfObject().Add("fourCcList", AmfValue.Of([AmfValue.Of("a\nb\r"), .. Enumerable.Range(1000, 3000).Select(static number => AmfValue.Of($"{number}"))]));
        var said = PeerCapabilities.Parse(names).ToString();
        Assert.DoesNotContain('\n', said);
        Assert.Equal(64, said.Split(", ").Length);
    }

    private int Demux(MessageType type, byte[] body)
    {
        var block = _pool.Rent(body.Length);
        body.CopyTo(block.Span);
        var packets = 0;
        for (var any = _demuxer.TryDemux(new RtmpMessage(type, 6, 1, 0, block, body.Length), out var packet); any; any = _demuxer.TryNext(out packet))
        {
            packet.Release();
            packets++;
        }

        return packets;
    }
}
