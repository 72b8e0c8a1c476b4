using System.Buffers.Binary;

namespace Transcoder.Media.Bitstreams;

/// <summary>The head of a VP8 frame (RFC 6386 §9.1). Size is zero except on key frames.</summary>
public readonly record struct Vp8FrameHeader(bool IsKeyframe, int Version, bool IsShown, int Width, int Height)
{
    public static bool TryParse(ReadOnlySpan<byte> frame, out Vp8FrameHeader header)
    {
        header = default;
        if (frame.Length < 3)
        {
            return false;
        }

        var isKeyframe = (frame[0] & 1) == 0;
        var version = (frame[0] >> 1) & 7;
        var isShown = (frame[0] & 0x10) != 0;
        if (!isKeyframe)
        {
            header = new Vp8FrameHeader(false, version, isShown, 0, 0);
            return true;
        }

        if (frame.Length < 10 || frame[3] != 0x9D || frame[4] != 0x01 || frame[5] != 0x2A)
        {
            return false;
        }

        // The upper two bits are a scale for the display, which nobody uses.
        var width = BinaryPrimitives.ReadUInt16LittleEndian(frame[6..]) & 0x3FFF;
        var height = BinaryPrimitives.ReadUInt16LittleEndian(frame[8..]) & 0x3FFF;
        header = new Vp8FrameHeader(true, version, isShown, width, height);
        return true;
    }
}

/// <summary>The uncompressed header of a VP9 frame (VP9 bitstream specification §6.2). Size and colour are set on key frames only.</summary>
/// <param name="ChromaSubsampling">As in vpcC: 1 for 4:2:0 collocated with luma, 2 for 4:2:2, 3 for 4:4:4.</param>
public readonly record struct Vp9FrameHeader(bool IsKeyframe, bool IsShown, int Profile, int BitDepth, int ChromaSubsampling, bool IsFullRange, int Width, int Height)
{
    private const int Rgb = 7;

    public static bool TryParse(ReadOnlySpan<byte> frame, out Vp9FrameHeader header)
    {
        header = default;
        var bits = new BitReader(frame);
        if (bits.ReadBits(2) != 2)
        {
            return false;
        }

        var profile = (int)(bits.ReadBits(1) | bits.ReadBits(1) << 1);
        if (profile == 3)
        {
            bits.Skip(1);
        }

        if (bits.ReadFlag())
        {
            // show_existing_frame: a picture already decoded is shown, nothing is coded.
            header = new Vp9FrameHeader(false, true, profile, 0, 0, false, 0, 0);
            return !bits.IsExhausted;
        }

        var isKeyframe = !bits.ReadFlag();
        var isShown = bits.ReadFlag();
        bits.Skip(1);
        if (!isKeyframe)
        {
            header = new Vp9FrameHeader(false, isShown, profile, 0, 0, false, 0, 0);
            return !bits.IsExhausted;
        }

        if (bits.ReadBits(24) != 0x498342)
        {
            return false;
        }

        var depth = profile < 2 ? 8 : bits.ReadFlag() ? 12 : 10;
        var isRgb = bits.ReadBits(3) == Rgb;
        var isFullRange = isRgb || bits.ReadFlag();
        var chroma = 1;
        if (isRgb)
        {
            chroma = 3;
            bits.Skip(profile is 1 or 3 ? 1 : 0);
        }
        else if (profile is 1 or 3)
        {
            var horizontal = bits.ReadFlag();
            var vertical = bits.ReadFlag();
            bits.Skip(1);
            chroma = horizontal ? vertical ? 1 : 2 : 3;
        }

        var width = (int)bits.ReadBits(16) + 1;
        var height = (int)bits.ReadBits(16) + 1;
        if (bits.IsExhausted)
        {
            return false;
        }

        header = new Vp9FrameHeader(true, isShown, profile, depth, chroma, isFullRange, width, height);
        return true;
    }
}
