using System.Buffers;
using Transcoder.Rtmp.Amf;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Amf;

public sealed class Amf0Tests
{
    /// <summary>Value as text and its bytes (AMF0 §2); read and, where marked, written.</summary>
    public static TheoryData<string, byte[], bool> Values => new()
    {
        { "1.5", [0, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0], true },
        { "true", [1, 1], true },
        { "false", [1, 0], true },
        { "'live'", [2, 0, 4, .. "live"u8], true },
        { "''", [2, 0, 0], true },
        { "null", [5], true },
        { "undefined", [6], true },
        { "{app:'a',n:null}", [3, 0, 3, .. "app"u8, 2, 0, 1, .. "a"u8, 0, 1, .. "n"u8, 5, 0, 0, 9], true },
        { "{}", [3, 0, 0, 9], true },
        { "{a:true}", [8, 0xFF, 0xFF, 0xFF, 0xFF, 0, 1, .. "a"u8, 1, 1, 0, 0, 9], false },
        { "[true,null]", [10, 0, 0, 0, 2, 1, 1, 5], true },
        { "date 0", [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], true },
        { "'long'", [12, 0, 0, 0, 4, .. "long"u8], false },
        { "'<a/>'", [15, 0, 0, 0, 4, .. "<a/>"u8], false },
        { "null", [13], false },
        { "{a:true}", [16, 0, 1, .. "T"u8, 0, 1, .. "a"u8, 1, 1, 0, 0, 9], false },
        { "[{},{}]", [10, 0, 0, 0, 2, 3, 0, 0, 9, 7, 0, 1], false },
        { "{fourCcList:['av01']}", [3, 0, 10, .. "fourCcList"u8, 10, 0, 0, 0, 1, 2, 0, 4, .. "av01"u8, 0, 0, 9], true },
    };

    [Theory]
    [MemberData(nameof(Values))]
    public void Every_kind_of_value_is_read(string expected, byte[] bytes, bool isOurs)
    {
        var reader = new Amf0Reader(bytes);
        Assert.True(reader.TryRead(out var value));
        Assert.True(reader.AtEnd);
        Assert.Equal(expected, Shown(value));
        if (isOurs)
        {
            var output = new ArrayBufferWriter<byte>();
            new Amf0Writer(output).Value(value);
            Assert.Equal(bytes, output.WrittenSpan.ToArray());
        }
    }

    [Theory]
    [MemberData(nameof(Values))]
    public void A_value_that_is_cut_off_is_refused_at_every_length(string expected, byte[] bytes, bool isOurs)
    {
        Assert.NotNull(expected);
        Assert.True(isOurs || !isOurs);
        for (var length = 0; length < bytes.Length; length++)
        {
            var reader = new Amf0Reader(bytes.AsSpan(0, length));
            Assert.False(reader.TryRead(out _), $"cut to {length}");
        }
    }

    [Fact]
    public void Nesting_and_counts_are_limited()
    {
        var deep = Enumerable.Repeat<byte[]>([3, 0, 1, (byte)'a'], 100).SelectMany(static part => part).ToArray();
        Assert.False(new Amf0Reader(deep).TryRead(out _));

        byte[] wide = [10, 0xFF, 0xFF, 0xFF, 0xFF, .. Enumerable.Repeat((byte)5, 100_000)];
        Assert.False(new Amf0Reader(wide).TryRead(out _));
    }

    [Theory]
    [InlineData(new byte[] { 4 })]
    [InlineData(new byte[] { 14 })]
    [InlineData(new byte[] { 17 })]
    [InlineData(new byte[] { 7, 0, 0 })]
    [InlineData(new byte[] { 255, 1, 2, 3 })]
    public void Unknown_markers_and_wild_references_are_refused(byte[] bytes) => Assert.False(new Amf0Reader(bytes).TryRead(out _));

    [Fact]
    public void Long_strings_are_written_in_the_long_form()
    {
        var text = new string('x', 70_000);
        var output = new ArrayBufferWriter<byte>();
        new Amf0Writer(output).String(text);
        Assert.Equal(12, output.WrittenSpan[0]);
        Assert.True(new Amf0Reader(output.WrittenSpan).TryReadString(out var read));
        Assert.Equal(text, read);
    }

    internal static string Shown(AmfValue value) => value.Kind switch
    {
        AmfKind.Number => FormattableString.Invariant($"{value.AsNumber}"),
        AmfKind.Boolean => value.AsBoolean == true ? "true" : "false",
        AmfKind.String => $"'{value.AsString}'",
        AmfKind.Object => $"{{{string.Join(',', value.AsObject!.Properties.Select(static pair => $"{pair.Key}:{Shown(pair.Value)}"))}}}",
        AmfKind.StrictArray => $"[{string.Join(',', value.AsArray!.Select(Shown))}]",
        AmfKind.Date => FormattableString.Invariant($"date {value.AsNumber}"),
        AmfKind.Undefined => "undefined",
        _ => "null",
    };
}
