using Transcoder.Codecs.Libav;
using Transcoder.Media.Bitstreams;
using Transcoder.Media.Tracks;
using Xunit;

namespace Transcoder.UnitTests.Codecs.Libav;

public sealed class AdtsTests
{
    [Theory]
    [InlineData(0x50, 0x80, 44100, 2)]
    [InlineData(0x4C, 0x40, 48000, 1)]
    [InlineData(0x4D, 0x80, 48000, 6)]
    public void A_header_says_rate_and_channels(byte third, byte fourth, int rate, int channels)
    {
        byte[] header = [0xFF, 0xF1, third, fourth, 0, 0, 0];

        Assert.True(Adts.IsHeader(header));
        Assert.Equal(7, Adts.HeaderLength(header));
        Assert.Equal(new AudioFormat(rate, channels), CodecConfiguration.ReadAudioFormat(CodecId.Aac, Adts.Configuration(header)));
    }

    [Fact]
    public void A_checksum_makes_the_header_longer_and_a_reserved_rate_gives_nothing()
    {
        Assert.Equal(9, Adts.HeaderLength([0xFF, 0xF0, 0x50, 0x80, 0, 0, 0]));
        Assert.Empty(Adts.Configuration([0xFF, 0xF1, 0x7C, 0x80, 0, 0, 0]));
        Assert.False(Adts.IsHeader([0x21, 0x10, 0x04, 0x60, 0x8C, 0x1C, 0]));
    }
}
