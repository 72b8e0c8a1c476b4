using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace Transcoder.Codecs.Native;

// Field for field the structs of tc_shim.h; ShimLibrary compares their sizes at load.
[StructLayout(LayoutKind.Sequential)]
internal struct FrameFacts
{
    public long Pts;
    public int Width;
    public int Height;
    public int SarNum;
    public int SarDen;
    public int FullRange;
    public int Primaries;
    public int Transfer;
    public int Matrix;
    public int Samples;
    public int SampleRate;
    public int Channels;
    public int Key;
    public int Interlaced;
    public int Corrupt;
    public int Hardware;
    public int Reserved;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Unit
{
    public long Pts;
    public long Dts;
    public byte* Data;
    public int Size;
    public int Flags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct EncoderOpening
{
    public int Width;
    public int Height;
    public int TimeBaseNum;
    public int TimeBaseDen;
    public int FrameRateNum;
    public int FrameRateDen;
    public int SarNum;
    public int SarDen;
    public int Primaries;
    public int Transfer;
    public int Matrix;
    public int SampleRate;
    public int Channels;
    public int Reserved;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct EncoderFacts
{
    public byte* Extradata;
    public int ExtradataSize;
    public int FrameSize;
    public int InitialPadding;
    public int Profile;
    public int Level;
    public int Reserved;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct StreamFacts
{
    public byte* Codec;
    public byte* Extradata;
    public int ExtradataSize;
    public int IsVideo;
    public int IsAudio;
    public int Width;
    public int Height;
    public int FrameRateNum;
    public int FrameRateDen;
    public int SampleRate;
    public int Channels;
    public int Profile;
    public int Level;
    public int Bits;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PacketFacts
{
    public long Pts;
    public long Dts;
    public long Duration;
    public byte* Data;
    public byte* Extradata;
    public int ExtradataSize;
    public int Size;
    public int Flags;
    public int Stream;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NvencCaps
{
    public int MaxWidth;
    public int MaxHeight;
    public int MinWidth;
    public int MinHeight;
    public int MaxBFrames;
    public int TenBit;
}
