using System.Diagnostics.CodeAnalysis;

namespace Transcoder.Media.Bitstreams;

/// <summary>Walks the OBUs of an AV1 temporal unit (AV1 specification §5.3) in the low-overhead form that MP4, FLV and encoders use.</summary>
public static class Av1Obus
{
    internal const int SequenceHeader = 1;
    internal const int TemporalDelimiter = 2;
    internal const int FrameHeader = 3;
    internal const int Frame = 6;

    /// <summary>The OBUs in order. Damage ends the walk.</summary>
    public static ObuEnumerator In(ReadOnlySpan<byte> temporalUnit) => new(temporalUnit);

    /// <summary>The first frame header of the unit says key frame, shown, and a sequence header stands before it or is known from av1C.</summary>
    public static bool IsKeyframe(ReadOnlySpan<byte> temporalUnit)
    {
        var isReducedStill = false;
        foreach (var obu in In(temporalUnit))
        {
            if (obu.Type == SequenceHeader)
            {
                isReducedStill = !obu.Payload.IsEmpty && (obu.Payload[0] & 0x08) != 0;
            }
            else if (obu.Type is Frame or FrameHeader)
            {
                // show_existing_frame 1, frame_type 2 (0 is KEY_FRAME), show_frame 1 (§5.9.2).
                return isReducedStill || (!obu.Payload.IsEmpty && obu.Payload[0] >> 4 == 0b0001);
            }
        }

        return false;
    }

    [SuppressMessage("Design", "CA1034:Nested types should not be visible", Justification = "The enumerator of this type, as the foreach pattern wants it.")]
    public ref struct ObuEnumerator
    {
        private ReadOnlySpan<byte> _rest;

        internal ObuEnumerator(ReadOnlySpan<byte> bytes) => _rest = bytes;

        public Obu Current { get; private set; }

        public bool IsDamaged { get; private set; }

        public readonly ObuEnumerator GetEnumerator() => this;

        public bool MoveNext()
        {
            if (_rest.IsEmpty)
            {
                return false;
            }

            var header = _rest[0];
            var position = (header & 0x04) != 0 ? 2 : 1;
            long size;
            if ((header & 0x80) != 0 || position > _rest.Length)
            {
                return Stop();
            }

            if ((header & 0x02) == 0)
            {
                size = _rest.Length - position;
            }
            else if (!TryReadLeb128(_rest, ref position, out size))
            {
                return Stop();
            }

            if (size > _rest.Length - position)
            {
                return Stop();
            }

            var end = position + (int)size;
            Current = new Obu((header >> 3) & 0x0F, _rest[..end], _rest[position..end]);
            _rest = _rest[end..];
            return true;
        }

        private static bool TryReadLeb128(ReadOnlySpan<byte> bytes, ref int position, out long value)
        {
            value = 0;
            for (var i = 0; i < 8 && position < bytes.Length; i++)
            {
                var next = bytes[position++];
                value |= (long)(next & 0x7F) << (7 * i);
                if ((next & 0x80) == 0)
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

    /// <param name="type">obu_type (AV1 §6.2.2).</param>
    /// <param name="bytes">Header and payload.</param>
    [SuppressMessage("Design", "CA1034:Nested types should not be visible", Justification = "Belongs to the enumerator beside it.")]
    public readonly ref struct Obu(int type, ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> payload)
    {
        public int Type { get; } = type;

        public ReadOnlySpan<byte> Bytes { get; } = bytes;

        public ReadOnlySpan<byte> Payload { get; } = payload;
    }
}
