using System.Buffers.Binary;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;

namespace Transcoder.Media.Containers.Flv;

/// <summary>FLV's 24-bit numbers.</summary>
internal static class FlvBytes
{
    private const int MaxInt24 = (1 << 23) - 1;
    private const int MinInt24 = -(1 << 23);
    private const int PerMillisecond = 1_000_000;

    public static int ReadUInt24(ReadOnlySpan<byte> source) => source[0] << 16 | source[1] << 8 | source[2];

    public static int ReadInt24(ReadOnlySpan<byte> source) => (sbyte)source[0] << 16 | source[1] << 8 | source[2];

    /// <summary>The low 24 bits.</summary>
    public static void WriteInt24(Span<byte> target, int value)
    {
        target[2] = (byte)value;
        target[1] = (byte)(value >> 8);
        target[0] = (byte)(value >> 16);
    }

    public static int WriteFourCc(Span<byte> target, uint fourCc)
    {
        BinaryPrimitives.WriteUInt32BigEndian(target, fourCc);
        return 4;
    }

    /// <summary>What a time has beyond its whole milliseconds, for ModEx.</summary>
    public static int NanosecondsOf(MediaTime time) => (int)(((time.Nanoseconds % PerMillisecond) + PerMillisecond) % PerMillisecond);

    public static long WholeMilliseconds(MediaTime time) => (time.Nanoseconds - NanosecondsOf(time)) / PerMillisecond;

    /// <summary>Both times are rounded first, so that the receiver's dts + cts is the rounded pts.</summary>
    public static int CompositionTime(Packet packet) =>
        (int)Math.Clamp(packet.Pts.Milliseconds - packet.Dts.Milliseconds, MinInt24, MaxInt24);

    /// <summary>With whole milliseconds below, because the nanoseconds above them go along.</summary>
    public static int PreciseCompositionTime(Packet packet) =>
        (int)Math.Clamp(WholeMilliseconds(packet.Pts) - WholeMilliseconds(packet.Dts), MinInt24, MaxInt24);
}
