using System.Buffers;
using Transcoder.Media.Containers.Flv;
using Xunit;

namespace Transcoder.UnitTests.Media.Containers.Flv;

public sealed class FlvFileTests
{
    [Fact]
    public void A_written_file_reads_back_whole_and_byte_by_byte()
    {
        var output = new ArrayBufferWriter<byte>();
        FlvFileWriter.WriteFileHeader(output, hasAudio: true, hasVideo: true);
        FlvFileWriter.WriteTag(output, FlvTagType.Script, 0, [], [2, 0, 1]);
        FlvFileWriter.WriteTag(output, FlvTagType.Video, 0x1234567, [0x17, 1, 0, 0, 0], [0xAA]);
        FlvFileWriter.WriteTag(output, FlvTagType.Audio, 0x1_FFFF_FFFF, [0xAF, 1], []);
        var file = output.WrittenSpan.ToArray();
        Assert.Equal("464C5601050000000900000000", Convert.ToHexString(file, 0, FlvFileWriter.FileHeaderSize));
        Assert.Equal("0000000D", Convert.ToHexString(file, file.Length - 4, 4));
        string[] expected = ["Script 0 020001", "Video 19088743 1701000000AA", "Audio 4294967295 AF01"];
        Assert.Equal(expected, ReadAll(file, file.Length));
        Assert.Equal(expected, ReadAll(file, 1));
    }

    [Theory]
    [InlineData("47")]
    [InlineData("464C5802")]
    [InlineData("464C56010500000003")]
    [InlineData("464C560105FFFFFFFF")]
    public void Other_bytes_are_no_flv(string hex)
    {
        var reader = new FlvFileReader();
        Assert.Equal(FlvReadResult.Damaged, reader.Read(Convert.FromHexString(hex), out var consumed, out _));
        Assert.Equal(0, consumed);
        Assert.Equal(FlvReadResult.Damaged, reader.Read("FLV"u8, out _, out _));
    }

    private static List<string> ReadAll(byte[] file, int step)
    {
        var reader = new FlvFileReader();
        List<string> tags = [];
        var start = 0;
        for (var end = Math.Min(step, file.Length); end <= file.Length; end += step)
        {
            while (reader.Read(file.AsSpan(start, end - start), out var consumed, out var tag) is var result && result == FlvReadResult.Tag)
            {
                tags.Add($"{tag.Type} {tag.Timestamp} {Convert.ToHexString(tag.Body(file.AsSpan(start)))}");
                start += consumed;
            }
        }

        Assert.Equal(file.Length, start);
        return tags;
    }
}
