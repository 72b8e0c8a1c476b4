namespace Transcoder.Rtmp.Amf;

/// <summary>AMF0 §2.1.</summary>
internal static class Amf0Marker
{
    public const byte Number = 0;
    public const byte Boolean = 1;
    public const byte String = 2;
    public const byte Object = 3;
    public const byte Null = 5;
    public const byte Undefined = 6;
    public const byte Reference = 7;
    public const byte EcmaArray = 8;
    public const byte ObjectEnd = 9;
    public const byte StrictArray = 10;
    public const byte Date = 11;
    public const byte LongString = 12;
    public const byte Unsupported = 13;
    public const byte Xml = 15;
    public const byte TypedObject = 16;

    /// <summary>One AMF3 value follows.</summary>
    public const byte Amf3 = 17;
}
