using System.Buffers.Binary;
using System.Text;

namespace Transcoder.Rtmp.Amf;

/// <summary>
/// Reads AMF0 values. The input is hostile: nesting and the number of values are limited, an announced count is only a hint, and damage yields false.
/// </summary>
internal ref struct Amf0Reader(ReadOnlySpan<byte> bytes)
{
    // A connect object nests twice, Enhanced RTMP metadata four times; counts stay far below a thousand. Both limits only stop abuse.
    public const int DeepestNesting = 16;
    public const int MostValues = 4096;

    private const int Unfinished = -1;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private List<Complex>? _complex;
    private int _values;

    // Of the value read last: how deeply it nests.
    private int _height;

    public int Position { get; private set; }

    /// <summary>A value so far was AMF3, which AMF0 peers do not read.</summary>
    public bool HasAmf3 { get; private set; }

    /// <summary>A value so far stands at several places: written out, it may be many times longer.</summary>
    public bool HasReferences { get; private set; }

    public readonly bool AtEnd => Position >= _bytes.Length;

    /// <returns>False at the end, or where the bytes make no sense; the position is then of no use.</returns>
    public bool TryRead(out AmfValue value) => TryRead(0, out value);

    public bool TryReadString(out string value)
    {
        value = "";
        if (!TryRead(out var read) || read.AsString is not { } text)
        {
            return false;
        }

        value = text;
        return true;
    }

    private bool TryRead(int depth, out AmfValue value)
    {
        value = default;
        if (depth > DeepestNesting || ++_values > MostValues || AtEnd)
        {
            return false;
        }

        _height = 0;
        switch (_bytes[Position++])
        {
            case Amf0Marker.Number:
                return TryNumber(out value);
            case Amf0Marker.Boolean:
                if (!TryTake(1, out var flag))
                {
                    return false;
                }

                value = AmfValue.Of(flag[0] != 0);
                return true;
            case Amf0Marker.String:
                return TryText(2, out value);
            case Amf0Marker.LongString or Amf0Marker.Xml:
                return TryText(4, out value);
            case Amf0Marker.Null or Amf0Marker.Unsupported:
                return true;
            case Amf0Marker.Undefined:
                value = AmfValue.Undefined;
                return true;
            case Amf0Marker.TypedObject:
                return TryText(2, out _) && TryObject(depth, out value);
            case Amf0Marker.EcmaArray:
                return TryTake(4, out _) && TryObject(depth, out value);
            case Amf0Marker.Object:
                return TryObject(depth, out value);
            case Amf0Marker.StrictArray:
                return TryArray(depth, out value);
            case Amf0Marker.Date:
                if (!TryTake(10, out var date))
                {
                    return false;
                }

                value = AmfValue.Date(BinaryPrimitives.ReadDoubleBigEndian(date));
                return true;
            case Amf0Marker.Reference:
                HasReferences = true;
                return TryReference(depth, out value);
            case Amf0Marker.Amf3:
                HasAmf3 = true;
                var inner = new Amf3Reader(_bytes[Position..], depth + 1, _values);
                var read = inner.TryRead(out value);
                Position += inner.Position;
                _values = inner.Values;

                // Not measured, so taken for the most: nobody refers back to an object with AMF3 inside.
                _height = DeepestNesting;
                return read;
            default:
                return false;
        }
    }

    private bool TryObject(int depth, out AmfValue value)
    {
        var result = new AmfObject();
        value = AmfValue.Of(result);
        var index = Begin(value);
        var height = 0;
        while (true)
        {
            if (!TryText(2, out var name) || !AmfObject.IsName(name.AsString!))
            {
                return false;
            }

            if (!AtEnd && _bytes[Position] == Amf0Marker.ObjectEnd)
            {
                Position++;
                End(index, height);
                return true;
            }

            if (!TryRead(depth + 1, out var property))
            {
                return false;
            }

            height = Math.Max(height, _height + 1);
            result.Add(name.AsString!, property);
        }
    }

    private bool TryArray(int depth, out AmfValue value)
    {
        var items = new List<AmfValue>();
        value = AmfValue.Of(items);
        var index = Begin(value);
        var height = 0;
        if (!TryTake(4, out var header))
        {
            return false;
        }

        for (var left = BinaryPrimitives.ReadUInt32BigEndian(header); left > 0; left--)
        {
            if (!TryRead(depth + 1, out var item))
            {
                return false;
            }

            height = Math.Max(height, _height + 1);
            items.Add(item);
        }

        End(index, height);
        return true;
    }

    private bool TryReference(int depth, out AmfValue value)
    {
        value = default;
        if (!TryTake(2, out var index) || _complex is null || BinaryPrimitives.ReadUInt16BigEndian(index) >= _complex.Count)
        {
            return false;
        }

        // A value met again costs what it cost the first time, and an unfinished one would hold itself: few bytes must not become an endless tree.
        var complex = _complex[BinaryPrimitives.ReadUInt16BigEndian(index)];
        value = complex.Value;
        _values += complex.Values;
        _height = complex.Height;
        return complex.Height != Unfinished && _values <= MostValues && depth + complex.Height <= DeepestNesting;
    }

    private int Begin(AmfValue value)
    {
        _complex ??= [];
        _complex.Add(new Complex(value, _values, Unfinished));
        return _complex.Count - 1;
    }

    private void End(int index, int height)
    {
        var begun = _complex![index];
        _complex[index] = new Complex(begun.Value, _values - begun.Values, height);
        _height = height;
    }

    private bool TryNumber(out AmfValue value)
    {
        value = default;
        if (!TryTake(8, out var number))
        {
            return false;
        }

        value = AmfValue.Of(BinaryPrimitives.ReadDoubleBigEndian(number));
        return true;
    }

    private bool TryText(int lengthBytes, out AmfValue value)
    {
        value = default;
        if (!TryTake(lengthBytes, out var header))
        {
            return false;
        }

        var length = lengthBytes == 2 ? BinaryPrimitives.ReadUInt16BigEndian(header) : BinaryPrimitives.ReadUInt32BigEndian(header);
        if (length > _bytes.Length - Position)
        {
            return false;
        }

        TryTake((int)length, out var text);
        value = AmfValue.Of(Encoding.UTF8.GetString(text));
        return true;
    }

    private bool TryTake(int count, out ReadOnlySpan<byte> taken)
    {
        if (count > _bytes.Length - Position)
        {
            taken = default;
            return false;
        }

        taken = _bytes.Slice(Position, count);
        Position += count;
        return true;
    }

    /// <param name="Values">Inside it; until it is finished, how many were read before it.</param>
    private readonly record struct Complex(AmfValue Value, int Values, int Height);
}
