using System.Diagnostics.CodeAnalysis;
using Transcoder.Media.Tracks;

namespace Transcoder.Media.Bitstreams;

/// <summary>Walks NAL units in both forms without an allocation, and tells what they are.</summary>
public static class NalUnits
{
    /// <summary>NAL units behind start codes (H.264 and HEVC annex B). What comes before the first start code is skipped.</summary>
    public static AnnexBEnumerator InAnnexB(ReadOnlySpan<byte> bytes) => new(bytes);

    /// <summary>NAL units behind a length of <paramref name="lengthSize"/> bytes (ISO/IEC 14496-15). A length past the end stops the walk.</summary>
    public static LengthPrefixedEnumerator InLengthPrefixed(ReadOnlySpan<byte> payload, int lengthSize) => new(payload, lengthSize);

    /// <param name="nal">Not empty.</param>
    public static int Type(CodecId codec, ReadOnlySpan<byte> nal) => codec == CodecId.Hevc ? (nal[0] >> 1) & 0x3F : nal[0] & 0x1F;

    /// <summary>SPS, PPS, for HEVC VPS too: what belongs into the configuration record.</summary>
    public static bool IsParameterSet(CodecId codec, int type) =>
        codec == CodecId.Hevc ? type is HevcNal.Vps or HevcNal.Sps or HevcNal.Pps : type is AvcNal.Sps or AvcNal.Pps or AvcNal.SpsExtension;

    public static bool IsAccessUnitDelimiter(CodecId codec, int type) => type == (codec == CodecId.Hevc ? HevcNal.AccessUnitDelimiter : AvcNal.AccessUnitDelimiter);

    /// <summary>
    /// True where a decoder can start at this packet: H.264 IDR (a recovery point is none), HEVC IRAP, AV1 key frame that is shown, VP9 and VP8 key frame.
    /// For other codecs every packet counts as one.
    /// </summary>
    /// <param name="payload">In the house's form: NAL units length-prefixed, AV1 a temporal unit.</param>
    /// <param name="lengthSize">1, 2 or 4; only H.264 and HEVC use it.</param>
    public static bool IsKeyframe(CodecId codec, ReadOnlySpan<byte> payload, int lengthSize = 4)
    {
        switch (codec)
        {
            case CodecId.H264:
                foreach (var nal in InLengthPrefixed(payload, lengthSize))
                {
                    var type = nal[0] & 0x1F;
                    if (type is >= AvcNal.Slice and <= AvcNal.Idr)
                    {
                        return type == AvcNal.Idr;
                    }
                }

                return false;
            case CodecId.Hevc:
                foreach (var nal in InLengthPrefixed(payload, lengthSize))
                {
                    var type = (nal[0] >> 1) & 0x3F;
                    if (type < HevcNal.Vps)
                    {
                        return type is >= HevcNal.FirstIrap and <= HevcNal.LastIrap;
                    }
                }

                return false;
            case CodecId.Av1:
                return Av1Obus.IsKeyframe(payload);
            case CodecId.Vp9:
                return Vp9FrameHeader.TryParse(payload, out var vp9) && vp9.IsKeyframe;
            case CodecId.Vp8:
                return Vp8FrameHeader.TryParse(payload, out var vp8) && vp8.IsKeyframe;
            default:
                return true;
        }
    }

    [SuppressMessage("Design", "CA1034:Nested types should not be visible", Justification = "The enumerator of this type, as the foreach pattern wants it.")]
    public ref struct AnnexBEnumerator
    {
        private ReadOnlySpan<byte> _rest;
        private ReadOnlySpan<byte> _current;
        private bool _started;

        internal AnnexBEnumerator(ReadOnlySpan<byte> bytes) => _rest = bytes;

        public readonly ReadOnlySpan<byte> Current => _current;

        public readonly AnnexBEnumerator GetEnumerator() => this;

        public bool MoveNext()
        {
            if (!_started)
            {
                _started = true;
                var first = _rest.IndexOf(AnnexB.ShortStartCode);
                _rest = first < 0 ? default : _rest[(first + 3)..];
            }

            while (!_rest.IsEmpty)
            {
                var end = _rest.IndexOf(AnnexB.ShortStartCode);
                var nal = end < 0 ? _rest : _rest[..end];
                _rest = end < 0 ? default : _rest[(end + 3)..];

                // A NAL unit never ends in zero: these are trailing_zero_8bits and the first byte of a long start code (annex B.1.1).
                nal = nal.TrimEnd((byte)0);
                if (!nal.IsEmpty)
                {
                    _current = nal;
                    return true;
                }
            }

            return false;
        }
    }

    [SuppressMessage("Design", "CA1034:Nested types should not be visible", Justification = "The enumerator of this type, as the foreach pattern wants it.")]
    public ref struct LengthPrefixedEnumerator
    {
        private readonly int _lengthSize;
        private ReadOnlySpan<byte> _rest;
        private ReadOnlySpan<byte> _current;

        internal LengthPrefixedEnumerator(ReadOnlySpan<byte> payload, int lengthSize)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(lengthSize, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(lengthSize, 4);
            _rest = payload;
            _lengthSize = lengthSize;
        }

        public readonly ReadOnlySpan<byte> Current => _current;

        /// <summary>A length pointed past the end, or the payload ends inside one; what came before is good.</summary>
        public bool IsDamaged { get; private set; }

        public readonly LengthPrefixedEnumerator GetEnumerator() => this;

        public bool MoveNext()
        {
            while (!_rest.IsEmpty)
            {
                if (_rest.Length < _lengthSize)
                {
                    return Stop();
                }

                uint length = 0;
                for (var i = 0; i < _lengthSize; i++)
                {
                    length = length << 8 | _rest[i];
                }

                _rest = _rest[_lengthSize..];
                if (length > (uint)_rest.Length)
                {
                    return Stop();
                }

                _current = _rest[..(int)length];
                _rest = _rest[(int)length..];
                if (length != 0)
                {
                    return true;
                }
            }

            return false;
        }

        private bool Stop()
        {
            IsDamaged = true;
            _rest = default;
            return false;
        }
    }
}

/// <summary>ITU-T H.264 table 7-1.</summary>
internal static class AvcNal
{
    public const int Slice = 1;
    public const int Idr = 5;
    public const int Sps = 7;
    public const int Pps = 8;
    public const int AccessUnitDelimiter = 9;
    public const int SpsExtension = 13;
}

/// <summary>ITU-T H.265 table 7-1.</summary>
internal static class HevcNal
{
    public const int FirstIrap = 16;
    public const int LastIrap = 23;
    public const int Vps = 32;
    public const int Sps = 33;
    public const int Pps = 34;
    public const int AccessUnitDelimiter = 35;
    public const int PrefixSei = 39;
    public const int SuffixSei = 40;
}
