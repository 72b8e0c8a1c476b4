using System.Buffers.Binary;

namespace Transcoder.Rtmp.Amf;

/// <content>What AMF3 added to AMF0's kinds: vectors (§3.15) and dictionaries (§3.16).</content>
internal ref partial struct Amf3Reader
{
    private bool TryVector(int level, Marker kind, out AmfValue value)
    {
        value = default;
        if (!TryHeader(out var count, out var isReference) || isReference)
        {
            return isReference;
        }

        // Its numbers are values too, one level further down: AMF0 has no vectors, and would not be read back.
        if (count > 0 && level == Amf0Reader.DeepestNesting)
        {
            return false;
        }

        var size = kind == Marker.VectorDouble ? 8 : 4;
        if (!TryTake(1, out _) || count > Amf0Reader.MostValues || !TryTake(count * size, out var content))
        {
            return false;
        }

        var items = new List<AmfValue>(count);
        for (; !content.IsEmpty; content = content[size..])
        {
            items.Add(AmfValue.Of(kind switch
            {
                Marker.VectorDouble => BinaryPrimitives.ReadDoubleBigEndian(content),
                Marker.VectorInt => BinaryPrimitives.ReadInt32BigEndian(content),
                _ => BinaryPrimitives.ReadUInt32BigEndian(content),
            }));
        }

        Values += items.Count;
        value = AmfValue.Of(items);
        return Values <= Amf0Reader.MostValues;
    }

    private bool TryObjectVector(int level, out AmfValue value)
    {
        value = default;
        if (!TryHeader(out var count, out var isReference) || isReference)
        {
            return isReference;
        }

        var items = new List<AmfValue>();
        value = AmfValue.Of(items);
        if (!TryTake(1, out _) || !TryText(out _))
        {
            return false;
        }

        for (; count > 0; count--)
        {
            if (!TryRead(level + 1, out var item))
            {
                return false;
            }

            items.Add(item);
        }

        return true;
    }

    private bool TryDictionary(int level, out AmfValue value)
    {
        value = default;
        if (!TryHeader(out var count, out var isReference) || isReference)
        {
            return isReference;
        }

        var result = new AmfObject();
        value = AmfValue.Of(result);
        if (!TryTake(1, out _))
        {
            return false;
        }

        for (; count > 0; count--)
        {
            if (!TryRead(level + 1, out var key) || !TryRead(level + 1, out var member))
            {
                return false;
            }

            // Keys of other kinds have no counterpart.
            if (key.AsString is { } name && AmfObject.IsName(name))
            {
                result.Add(name, member);
            }
        }

        return true;
    }
}
