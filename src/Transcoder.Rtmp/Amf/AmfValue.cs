using System.Text;

namespace Transcoder.Rtmp.Amf;

internal enum AmfKind : byte
{
    Null,
    Undefined,
    Number,
    Boolean,
    String,
    Object,
    StrictArray,
    Date,
}

/// <summary>One decoded AMF0 value. Commands are rare, so their values may allocate; media never pass through here.</summary>
internal readonly struct AmfValue
{
    private readonly double _number;
    private readonly object? _reference;

    private AmfValue(AmfKind kind, double number, object? reference)
    {
        Kind = kind;
        _number = number;
        _reference = reference;
    }

    public static AmfValue Null => default;

    public static AmfValue Undefined => new(AmfKind.Undefined, 0, null);

    public AmfKind Kind { get; }

    public static AmfValue Of(double value) => new(AmfKind.Number, value, null);

    public static AmfValue Of(bool value) => new(AmfKind.Boolean, value ? 1 : 0, null);

    public static AmfValue Of(string value) => new(AmfKind.String, 0, value);

    public static AmfValue Of(AmfObject value) => new(AmfKind.Object, 0, value);

    public static AmfValue Of(IReadOnlyList<AmfValue> value) => new(AmfKind.StrictArray, 0, value);

    public static AmfValue Date(double milliseconds) => new(AmfKind.Date, milliseconds, null);

    public string? AsString => _reference as string;

    public AmfObject? AsObject => _reference as AmfObject;

    public IReadOnlyList<AmfValue>? AsArray => _reference as IReadOnlyList<AmfValue>;

    public double? AsNumber => Kind is AmfKind.Number or AmfKind.Date ? _number : null;

    public bool? AsBoolean => Kind is AmfKind.Boolean or AmfKind.Number ? _number != 0 : null;
}

/// <summary>An object, typed object or ECMA array: peers use one where the other is expected, so they are one here. Order is kept.</summary>
internal sealed class AmfObject
{
    private readonly List<KeyValuePair<string, AmfValue>> _properties = [];

    public IReadOnlyList<KeyValuePair<string, AmfValue>> Properties => _properties;

    /// <summary>The first property of that name, or null.</summary>
    public AmfValue this[string name]
    {
        get
        {
            foreach (var (key, value) in _properties)
            {
                if (key == name)
                {
                    return value;
                }
            }

            return AmfValue.Null;
        }
    }

    /// <summary>Whether AMF0 can write it: a name's length has 16 bits, and what is no UTF-8 grows when it is read.</summary>
    public static bool IsName(string text) => text.Length <= ushort.MaxValue / 3 || Encoding.UTF8.GetByteCount(text) <= ushort.MaxValue;

    public AmfObject Add(string name, AmfValue value)
    {
        _properties.Add(new(name, value));
        return this;
    }
}
