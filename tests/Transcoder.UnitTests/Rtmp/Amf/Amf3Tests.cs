using Transcoder.Rtmp.Amf;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Amf;

/// <summary>AMF3 values where clients of objectEncoding 3 put them: behind AMF0's marker 0x11.</summary>
public sealed class Amf3Tests
{
    /// <summary>Value as text, and its bytes behind the marker (AMF3 §3).</summary>
    public static TheoryData<string, byte[]> Values => new()
    {
        { "undefined", [0] },
        { "null", [1] },
        { "false", [2] },
        { "true", [3] },
        { "0", [4, 0] },
        { "127", [4, 0x7F] },
        { "128", [4, 0x81, 0x00] },
        { "16383", [4, 0xFF, 0x7F] },
        { "16384", [4, 0x81, 0x80, 0x00] },
        { "2097151", [4, 0xFF, 0xFF, 0x7F] },
        { "2097152", [4, 0x80, 0xC0, 0x80, 0x00] },
        { "268435455", [4, 0xBF, 0xFF, 0xFF, 0xFF] },
        { "-268435456", [4, 0xC0, 0x80, 0x80, 0x00] },
        { "-1", [4, 0xFF, 0xFF, 0xFF, 0xFF] },
        { "1.5", [5, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0] },
        { "'live'", [6, 9, .. "live"u8] },
        { "''", [6, 1] },
        { "'<a/>'", [7, 9, .. "<a/>"u8] },
        { "'<a/>'", [11, 9, .. "<a/>"u8] },
        { "date 0", [8, 1, 0, 0, 0, 0, 0, 0, 0, 0] },
        { "[true,'a','a']", [9, 7, 1, 3, 6, 3, (byte)'a', 6, 0] },
        { "{a:1,0:true}", [9, 3, 3, (byte)'a', 4, 1, 1, 3] },
        { "{a:1,b:2}", [10, 0x0B, 1, 3, (byte)'a', 4, 1, 3, (byte)'b', 4, 2, 1] },
        { "{a:1}", [10, 0x13, 3, (byte)'T', 3, (byte)'a', 4, 1] },
        { "{a:1,b:2}", [10, 0x1B, 1, 3, (byte)'a', 4, 1, 3, (byte)'b', 4, 2, 1] },
        { "[{a:1},{a:2}]", [9, 5, 1, 10, 0x13, 1, 3, (byte)'a', 4, 1, 10, 0x01, 4, 2] },
        { "[[],null]", [9, 5, 1, 9, 1, 1, 9, 2] },
        { "undefined", [12, 7, 1, 2, 3] },
        { "[1,-2]", [13, 5, 0, 0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFE] },
        { "[4294967295]", [14, 3, 1, 0xFF, 0xFF, 0xFF, 0xFF] },
        { "[1.5]", [15, 3, 0, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0] },
        { "['a']", [16, 3, 0, 1, 6, 3, (byte)'a'] },
        { "{a:true}", [17, 5, 0, 6, 3, (byte)'a', 3, 4, 1, 3] },
    };

    [Theory]
    [MemberData(nameof(Values))]
    public void Every_kind_of_value_is_read_behind_the_switch_and_AMF0_goes_on_after_it(string expected, byte[] bytes)
    {
        var reader = new Amf0Reader([17, .. bytes, 2, 0, 1, (byte)'z']);
        Assert.True(reader.TryRead(out var value));
        Assert.Equal(expected, Amf0Tests.Shown(value));
        Assert.True(reader.HasAmf3);
        Assert.True(reader.TryReadString(out var next));
        Assert.Equal("z", next);
    }

    [Theory]
    [MemberData(nameof(Values))]
    public void A_value_that_is_cut_off_is_refused_at_every_length(string expected, byte[] bytes)
    {
        Assert.NotNull(expected);
        for (var length = 0; length < bytes.Length; length++)
        {
            Assert.False(new Amf0Reader([17, .. bytes.AsSpan(0, length)]).TryRead(out _), $"cut to {length}");
        }
    }

    /// <summary>Unknown markers, references into empty tables, an externalizable object, counts without bytes.</summary>
    [Theory]
    [InlineData(new byte[] { 18 })]
    [InlineData(new byte[] { 6, 0 })]
    [InlineData(new byte[] { 10, 0x01 })]
    [InlineData(new byte[] { 10, 0x07, 3, 84, 1 })]
    [InlineData(new byte[] { 10, 0xFF, 0xFF, 0xFF, 0xFB, 1 })]
    [InlineData(new byte[] { 13, 0xFF, 0xFF, 0xFF, 0xFF, 0 })]
    [InlineData(new byte[] { 9, 0xFF, 0xFF, 0xFF, 0xFF, 1, 1, 1 })]
    [InlineData(new byte[] { 6, 0xFF, 0xFF, 0xFF, 0xFF })]
    public void Nonsense_is_refused(byte[] bytes) => Assert.False(new Amf0Reader([17, .. bytes]).TryRead(out _));

    [Fact]
    public void Nesting_and_counts_are_limited_over_both_versions_together()
    {
        byte[] deep = [17, .. Enumerable.Repeat<byte[]>([9, 3, 1], 100).SelectMany(static part => part), 1];
        Assert.False(new Amf0Reader(deep).TryRead(out _));

        // A vector's numbers lie one level below it.
        Assert.True(new Amf0Reader(Vector(14)).TryRead(out _));
        Assert.False(new Amf0Reader(Vector(15)).TryRead(out _));

        byte[] wide = [17, 9, 0xBF, 0xFF, 0xFF, 0xFF, 1, .. Enumerable.Repeat((byte)1, 100_000)];
        Assert.False(new Amf0Reader(wide).TryRead(out _));

        byte[] many = [10, 0, 0, 0x10, 0, .. Enumerable.Repeat<byte[]>([17, 1], 4096).SelectMany(static part => part)];
        Assert.False(new Amf0Reader(many).TryRead(out _));

        static byte[] Vector(int depth) => [17, .. Enumerable.Repeat<byte[]>([9, 3, 1], depth).SelectMany(static part => part), 13, 3, 0, 0, 0, 0, 1];
    }

    [Fact]
    public void Random_bytes_never_throw()
    {
        var random = new Random(5);
        var bytes = new byte[40];
        for (var i = 0; i < 100_000; i++)
        {
            random.NextBytes(bytes);
            bytes[0] = 17;
            bytes[1] = (byte)random.Next(18);
            new Amf0Reader(bytes).TryRead(out _);
        }
    }
}
