using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Transcoder.Rtmp.Amf;

/// <summary>Writes AMF0 values one after another. Calls chain; objects are begun and ended by the caller.</summary>
internal readonly struct Amf0Writer(IBufferWriter<byte> output)
{
    public Amf0Writer Number(double value)
    {
        var span = output.GetSpan(9);
        span[0] = Amf0Marker.Number;
        BinaryPrimitives.WriteDoubleBigEndian(span[1..], value);
        output.Advance(9);
        return this;
    }

    public Amf0Writer Boolean(bool value)
    {
        output.Write<byte>([Amf0Marker.Boolean, value ? (byte)1 : (byte)0]);
        return this;
    }

    public Amf0Writer Null()
    {
        output.Write<byte>([Amf0Marker.Null]);
        return this;
    }

    public Amf0Writer String(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        if (length <= ushort.MaxValue)
        {
            output.Write<byte>([Amf0Marker.String]);
            return Name(value);
        }

        var span = output.GetSpan(5 + length);
        span[0] = Amf0Marker.LongString;
        BinaryPrimitives.WriteInt32BigEndian(span[1..], length);
        Encoding.UTF8.GetBytes(value, span[5..]);
        output.Advance(5 + length);
        return this;
    }

    public Amf0Writer BeginObject()
    {
        output.Write<byte>([Amf0Marker.Object]);
        return this;
    }

    public Amf0Writer BeginEcmaArray(int count)
    {
        var span = output.GetSpan(5);
        span[0] = Amf0Marker.EcmaArray;
        BinaryPrimitives.WriteInt32BigEndian(span[1..], count);
        output.Advance(5);
        return this;
    }

    public Amf0Writer BeginStrictArray(int count)
    {
        var span = output.GetSpan(5);
        span[0] = Amf0Marker.StrictArray;
        BinaryPrimitives.WriteInt32BigEndian(span[1..], count);
        output.Advance(5);
        return this;
    }

    /// <summary>Ends an object or an ECMA array.</summary>
    public Amf0Writer End()
    {
        output.Write<byte>([0, 0, Amf0Marker.ObjectEnd]);
        return this;
    }

    /// <summary>A property's name; its value is written next.</summary>
    public Amf0Writer Name(string name)
    {
        var length = Encoding.UTF8.GetByteCount(name);
        var span = output.GetSpan(2 + length);
        BinaryPrimitives.WriteUInt16BigEndian(span, checked((ushort)length));
        Encoding.UTF8.GetBytes(name, span[2..]);
        output.Advance(2 + length);
        return this;
    }

    public Amf0Writer Property(string name, string value) => Name(name).String(value);

    public Amf0Writer Property(string name, double value) => Name(name).Number(value);

    public Amf0Writer Property(string name, bool value) => Name(name).Boolean(value);

    public Amf0Writer Value(AmfValue value)
    {
        switch (value.Kind)
        {
            case AmfKind.Number:
                return Number(value.AsNumber!.Value);
            case AmfKind.Boolean:
                return Boolean(value.AsBoolean!.Value);
            case AmfKind.String:
                return String(value.AsString!);
            case AmfKind.Object:
                BeginObject();
                foreach (var (name, property) in value.AsObject!.Properties)
                {
                    Name(name).Value(property);
                }

                return End();
            case AmfKind.StrictArray:
                BeginStrictArray(value.AsArray!.Count);
                foreach (var item in value.AsArray)
                {
                    Value(item);
                }

                return this;
            case AmfKind.Date:
                var span = output.GetSpan(11);
                span[0] = Amf0Marker.Date;
                BinaryPrimitives.WriteDoubleBigEndian(span[1..], value.AsNumber!.Value);
                BinaryPrimitives.WriteInt16BigEndian(span[9..], 0);
                output.Advance(11);
                return this;
            case AmfKind.Undefined:
                output.Write<byte>([Amf0Marker.Undefined]);
                return this;
            default:
                return Null();
        }
    }
}
