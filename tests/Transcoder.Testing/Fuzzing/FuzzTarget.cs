namespace Transcoder.Testing.Fuzzing;

public delegate void FuzzBody(ReadOnlySpan<byte> input);

/// <summary>A parser before hostile bytes, with what it promises whatever they are. Runs on one thread and leaves nothing behind.</summary>
/// <param name="Run">Throws when a promise is broken.</param>
public sealed record FuzzTarget(string Name, FuzzBody Run)
{
    /// <summary>The codecs' configuration records.</summary>
    public static readonly IReadOnlyList<FuzzTarget> Configurations = ConfigurationTarget.All;

    public static readonly IReadOnlyList<FuzzTarget> All =
    [
        new("chunk", ChunkTarget.Run),
        new("handshake", HandshakeTarget.Run),
        new("session", SessionTarget.Run),
        new("client", ClientTarget.Run),
        new("amf0", Amf0Target.Run),
        new("amf3", Amf3Target.Run),
        new("tag", TagTarget.Run),
        new("flv", FlvTarget.Run),
        .. Configurations,
        new("nal", NalTarget.Run),
        new("link", LinkTarget.Run),
        new("address", AddressTarget.Run),
        .. AccessTarget.All,
    ];

    public override string ToString() => Name;
}

/// <summary>A parser broke a promise.</summary>
public sealed class PromiseException(string message) : Exception(message);

internal static class Promise
{
    public static void Holds(bool held, string promise)
    {
        if (!held)
        {
            throw new PromiseException(promise);
        }
    }
}
