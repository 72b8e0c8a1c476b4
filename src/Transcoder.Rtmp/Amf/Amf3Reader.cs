using System.Buffers.Binary;
using System.Text;

namespace Transcoder.Rtmp.Amf;

/// <summary>
/// Reads one AMF3 value, as it stands behind AMF0's marker 0x11: its reference tables live no longer than that value. The input is hostile, with the same limits
/// as AMF0's; damage yields false. A reference to a whole object yields null: nobody sends one in a command, and copies of copies grow without bound.
/// </summary>
internal ref partial struct Amf3Reader(ReadOnlySpan<byte> bytes, int depth, int values)
{
    private const byte DynamicTrait = 4;
    private const byte ExternalizableTrait = 2;

    // Of text that is only referred to. It is written out again for those who read AMF0, and a few bytes must not become gigabytes.
    private const int MostReferredText = 1 << 16;

    // AMF3 §3.1.
    private enum Marker : byte
    {
        Undefined = 0,
        Null = 1,
        False = 2,
        True = 3,
        Integer = 4,
        Double = 5,
        String = 6,
        XmlDocument = 7,
        Date = 8,
        Array = 9,
        Object = 10,
        Xml = 11,
        ByteArray = 12,
        VectorInt = 13,
        VectorUInt = 14,
        VectorDouble = 15,
        VectorObject = 16,
        Dictionary = 17,
    }

    private sealed record Traits(bool IsDynamic, string[] Names);

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private List<string>? _strings;
    private List<Traits>? _traits;
    private int _referredText;

    public int Position { get; private set; }

    /// <summary>Values read so far, those before this one included.</summary>
    public int Values { get; private set; } = values;

    public bool TryRead(out AmfValue value) => TryRead(depth, out value);

    private bool TryRead(int level, out AmfValue value)
    {
        value = default;
        if (level > Amf0Reader.DeepestNesting || ++Values > Amf0Reader.MostValues || !TryTake(1, out var marker))
        {
            return false;
        }

        switch ((Marker)marker[0])
        {
            case Marker.Undefined:
                value = AmfValue.Undefined;
                return true;
            case Marker.Null:
                return true;
            case Marker.False:
            case Marker.True:
                value = AmfValue.Of(marker[0] == (byte)Marker.True);
                return true;
            case Marker.Integer:
                var isInteger = TryU29(out var number);

                // 29 bits with their sign.
                value = AmfValue.Of((double)((int)(number << 3) >> 3));
                return isInteger;
            case Marker.Double:
                return TryDouble(out value);
            case Marker.String:
                var isText = TryText(out var text);
                value = AmfValue.Of(text);
                return isText;
            case Marker.XmlDocument or Marker.Xml:
                if (!TryHeader(out var length, out var isReference) || isReference)
                {
                    return isReference;
                }

                if (!TryTake(length, out var xml))
                {
                    return false;
                }

                value = AmfValue.Of(Encoding.UTF8.GetString(xml));
                return true;
            case Marker.Date:
                if (!TryHeader(out _, out isReference) || isReference)
                {
                    return isReference;
                }

                var isDate = TryDouble(out var date);
                value = AmfValue.Date(date.AsNumber ?? 0);
                return isDate;
            case Marker.Array:
                return TryArray(level, out value);
            case Marker.Object:
                return TryObject(level, out value);
            case Marker.ByteArray:
                // AMF0 has nothing like it, and no command that we know needs one.
                value = AmfValue.Undefined;
                return TryHeader(out length, out isReference) && (isReference || TryTake(length, out _));
            case Marker.VectorInt or Marker.VectorUInt or Marker.VectorDouble:
                return TryVector(level, (Marker)marker[0], out value);
            case Marker.VectorObject:
                return TryObjectVector(level, out value);
            case Marker.Dictionary:
                return TryDictionary(level, out value);
            default:
                return false;
        }
    }

    private bool TryArray(int level, out AmfValue value)
    {
        value = default;
        if (!TryHeader(out var count, out var isReference) || isReference)
        {
            return isReference;
        }

        // Named members first, ended by an empty name; then the numbered ones.
        AmfObject? named = null;
        while (true)
        {
            if (!TryName(out var name))
            {
                return false;
            }

            if (name.Length == 0)
            {
                break;
            }

            if (!TryRead(level + 1, out var member))
            {
                return false;
            }

            (named ??= new AmfObject()).Add(name, member);
        }

        var items = new List<AmfValue>();
        for (; count > 0; count--)
        {
            if (!TryRead(level + 1, out var item))
            {
                return false;
            }

            items.Add(item);
        }

        for (var i = 0; named is not null && i < items.Count; i++)
        {
            named.Add(FormattableString.Invariant($"{i}"), items[i]);
        }

        value = named is null ? AmfValue.Of(items) : AmfValue.Of(named);
        return true;
    }

    private bool TryObject(int level, out AmfValue value)
    {
        value = default;
        if (!TryHeader(out var header, out var isReference) || isReference)
        {
            return isReference;
        }

        // An externalizable object's bytes are known to its class alone.
        if (!TryTraits(header, out var traits))
        {
            return false;
        }

        var result = new AmfObject();
        foreach (var name in traits.Names)
        {
            if (!TryRead(level + 1, out var member))
            {
                return false;
            }

            result.Add(name, member);
        }

        while (traits.IsDynamic)
        {
            if (!TryName(out var name))
            {
                return false;
            }

            if (name.Length == 0)
            {
                break;
            }

            if (!TryRead(level + 1, out var member))
            {
                return false;
            }

            result.Add(name, member);
        }

        value = AmfValue.Of(result);
        return true;
    }

    /// <param name="header">The object's U29 without its lowest bit.</param>
    private bool TryTraits(int header, out Traits traits)
    {
        traits = null!;
        if ((header & 1) == 0)
        {
            var index = header >> 1;
            if (_traits is null || index >= _traits.Count)
            {
                return false;
            }

            traits = _traits[index];
            return true;
        }

        // Behind the two reference flags: externalizable, dynamic, and the count of sealed members.
        var count = header >> 3;
        if ((header & ExternalizableTrait) != 0 || count > Amf0Reader.MostValues || !TryText(out _))
        {
            return false;
        }

        var names = new List<string>();
        for (; count > 0; count--)
        {
            if (!TryName(out var name))
            {
                return false;
            }

            names.Add(name);
        }

        traits = new Traits((header & DynamicTrait) != 0, [.. names]);
        (_traits ??= []).Add(traits);
        return true;
    }

    private bool TryName(out string name) => TryText(out name) && AmfObject.IsName(name);

    private bool TryText(out string text)
    {
        text = "";
        if (!TryHeader(out var number, out var isReference))
        {
            return false;
        }

        if (isReference)
        {
            if (_strings is null || number >= _strings.Count)
            {
                return false;
            }

            text = _strings[number];
            _referredText += text.Length;
            return _referredText <= MostReferredText;
        }

        if (!TryTake(number, out var content))
        {
            return false;
        }

        // The empty string is never put in the table (§1.3.2).
        if (number > 0)
        {
            text = Encoding.UTF8.GetString(content);
            (_strings ??= []).Add(text);
        }

        return true;
    }

    private bool TryDouble(out AmfValue value)
    {
        var read = TryTake(8, out var number);
        value = read ? AmfValue.Of(BinaryPrimitives.ReadDoubleBigEndian(number)) : default;
        return read;
    }

    /// <summary>A U29 whose lowest bit says whether a table's index or a length follows.</summary>
    private bool TryHeader(out int number, out bool isReference)
    {
        var read = TryU29(out var whole);
        number = (int)(whole >> 1);
        isReference = read && (whole & 1) == 0;
        return read;
    }

    /// <summary>Seven bits a byte, of the fourth all eight (§1.3.1).</summary>
    private bool TryU29(out uint number)
    {
        number = 0;
        for (var i = 0; i < 4; i++)
        {
            if (!TryTake(1, out var one))
            {
                return false;
            }

            if (i == 3)
            {
                number = (number << 8) | one[0];
                return true;
            }

            number = (number << 7) | (one[0] & 0x7Fu);
            if (one[0] < 0x80)
            {
                return true;
            }
        }

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
}
