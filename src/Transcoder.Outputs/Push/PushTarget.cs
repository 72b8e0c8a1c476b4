using Transcoder.Streams;

namespace Transcoder.Outputs.Push;

/// <summary>One line of an application's push list: which streams go where, and how patiently.</summary>
public sealed class PushTarget
{
    public required string App { get; init; }

    /// <summary>Whether this stream of the application is pushed: a rendition by its name, or the source.</summary>
    public required Func<StreamName, bool> Takes { get; init; }

    /// <summary>The address to connect to; it may hold secrets.</summary>
    public required Func<StreamName, string> Url { get; init; }

    /// <summary>The same for logs and the API, without them.</summary>
    public required Func<StreamName, string> Display { get; init; }

    /// <summary>For rtmps addresses.</summary>
    public TlsTrust Trust { get; init; } = TlsTrust.System;

    /// <summary>For the connection, for the handshake, and for each answer.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    public TimeSpan RetryMin { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan RetryMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How far the target may fall behind before packets are dropped up to a keyframe.</summary>
    public TimeSpan Lag { get; init; } = TimeSpan.FromSeconds(8);
}
