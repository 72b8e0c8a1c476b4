using System.Buffers;
using Transcoder.Rtmp.Amf;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Amf;

/// <summary>A few bytes never become an endless tree or endless text.</summary>
public sealed class AmfGrowthTests
{
    [Fact]
    public void An_object_that_holds_itself_is_refused() =>
        Assert.False(new Amf0Reader([3, 0, 1, (byte)'a', 7, 0, 0, 0, 0, 9]).TryRead(out _));

    [Fact]
    public void References_count_as_what_they_refer_to()
    {
        // An array of two references to the array before it, and so on: 40 bytes that would stand for 2^n values.
        var body = new List<byte> { 10, 0, 0, 0, 15, 10, 0, 0, 0, 1, 5 };
        for (byte index = 1; index < 15; index++)
        {
            body.AddRange([10, 0, 0, 0, 2, 7, 0, index, 7, 0, index]);
        }

        Assert.False(new Amf0Reader([.. body]).TryRead(out _));

        // The same with eight steps is within the limits.
        body[4] = 8;
        Assert.True(new Amf0Reader([.. body]).TryRead(out var value));
        Assert.Equal(8, value.AsArray!.Count);
    }

    [Fact]
    public void References_count_as_deep_as_what_they_refer_to()
    {
        // Nine arrays inside each other, and nine more around a reference to them: neither is too deep, both together are.
        byte[] nine = [.. Enumerable.Repeat<byte[]>([10, 0, 0, 0, 1], 9).SelectMany(static part => part)];
        byte[] both = [10, 0, 0, 0, 2, .. nine, 5, .. nine, 7, 0, 1];
        Assert.False(new Amf0Reader(both).TryRead(out _));
        Assert.True(new Amf0Reader([10, 0, 0, 0, 2, .. nine, 5, .. nine, 5]).TryRead(out _));
    }

    [Fact]
    public void Names_that_AMF0_cannot_write_are_refused()
    {
        // Each byte that is no UTF-8 becomes a character of three.
        byte[] name = [.. Enumerable.Repeat((byte)0xFF, 30_000)];
        Assert.False(new Amf0Reader([3, 0x75, 0x30, .. name, 5, 0, 0, 9]).TryRead(out _));

        // AMF3's names have 28 bits of length: 70 000 is 0x84 0xC5 0x61 with the flag.
        byte[] header = [0x88, 0xC5, 0x61];
        Assert.False(new Amf0Reader([17, 10, 0x0B, 1, .. header, .. new byte[70_000], 1, 1]).TryRead(out _));
        Assert.True(new Amf0Reader([17, 6, .. header, .. new byte[70_000]]).TryRead(out var text));
        new Amf0Writer(new ArrayBufferWriter<byte>()).Value(text);
    }

    [Fact]
    public void Text_that_AMF3_refers_to_is_limited()
    {
        // 1000 characters once (0x8F 0x51), and then by reference.
        Assert.True(new Amf0Reader(Repeated(60)).TryRead(out var value));
        Assert.Equal(61, value.AsArray!.Count);
        Assert.False(new Amf0Reader(Repeated(70)).TryRead(out _));
    }

    private static byte[] Repeated(int references) =>
    [
        17, 9, (byte)(0x80 | ((references + 1) >> 6)), (byte)((((references + 1) << 1) | 1) & 0x7F), 1, 6, 0x8F, 0x51, .. Enumerable.Repeat((byte)'x', 1000),
        .. Enumerable.Repeat<byte[]>([6, 0], references).SelectMany(static part => part),
    ];
}
