using Transcoder.Rtmp.Chunks;

namespace Transcoder.Rtmp;

/// <summary>How the RTMP server and client behave. Immutable; a reload makes a new one.</summary>
public sealed record RtmpOptions
{
    public static readonly RtmpOptions Default = new();

    /// <summary>
    /// Bytes per outgoing chunk: most frames are one. Wireshark takes no notice of a chunk size of 32 768 or more and calls what follows malformed; FFmpeg sends with the
    /// size that its server announces, so a little less keeps both directions readable.
    /// </summary>
    public int ChunkSize { get; init; } = 32_000;

    /// <summary>Bytes after which we ask to be acknowledged, and acknowledge until the peer names its own window. 5 MB is nginx-rtmp's number: each acknowledgement of each player is one more packet.</summary>
    public int WindowSize { get; init; } = 5_000_000;

    /// <summary>From accept to the end of the handshake: 3 KiB each way, so ten seconds is generous on any line that could carry video.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>From the handshake to <c>connect</c>, which clients send at once.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>From <c>connect</c> to the first publish or play, and from the end of one to the next. Encoders in the field take a few seconds to open their devices.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the house may take to admit a publisher or player; a player may be waiting for a stream that is about to start.</summary>
    public TimeSpan AdmissionTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Without a byte from the peer for this long it is asked for one. Players send nothing for minutes on their own.</summary>
    public TimeSpan PingInterval { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Without a byte from the peer for this long, two pings included, it is gone.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a write may make no progress, 64 KiB, before the reader counts as dead. Mobile players hang for some seconds in tunnels.</summary>
    public TimeSpan WriteTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>For a client: name resolution and TCP connect. Longer than a lost SYN's second repetition.</summary>
    public TimeSpan DialTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>For a client: from a command to its answer. Large services take a second or two to admit a publisher.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The longest message taken: 10 MiB holds a 4K intra frame at 100 Mb/s five times over.</summary>
    public int MaxMessageSize { get; init; } = 10 << 20;

    /// <summary>What the blocks of a connection's unfinished messages take, all chunk streams together: the longest message and a half.</summary>
    public int MaxPartialBytes { get; init; } = 15 << 20;

    /// <summary>Chunk streams per connection. Real clients use 3 to 6.</summary>
    public int MaxChunkStreams { get; init; } = 64;

    /// <summary>Publishing and playing message streams at once on one connection. Real clients use one.</summary>
    public int MaxMessageStreams { get; init; } = 8;

    /// <summary>Connections at once, half-open ones included; each costs a few KiB and a descriptor.</summary>
    public int MaxConnections { get; init; } = 10_000;

    /// <summary>Control answers waiting for a client that does not read. A client that asks for more than this without reading is at fault.</summary>
    public int MaxQueuedAnswers { get; init; } = 64 << 10;

    /// <summary>Images handed to the socket in one flush. Larger batches cost fewer system calls and hold more memory for slow readers.</summary>
    public int BatchBytes { get; init; } = 32 << 10;

    /// <summary>Before a client may publish: commands take some KiB, and nobody has to hold more for a stranger. Pictures sent too early are still skipped.</summary>
    internal ChunkLimits StrangerLimits => new(Math.Min(MaxMessageSize, 1 << 20), Math.Min(MaxChunkStreams, 8), Math.Min(MaxPartialBytes, 1 << 20));

    internal ChunkLimits ChunkLimits => new(MaxMessageSize, MaxChunkStreams, MaxPartialBytes);
}
