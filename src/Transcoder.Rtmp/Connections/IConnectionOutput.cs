namespace Transcoder.Rtmp.Connections;

/// <summary>Where a connection's bytes go. One user at a time, which is the holder of <see cref="ConnectionWriter"/>'s turn.</summary>
internal interface IConnectionOutput
{
    /// <summary>Sends of the bytes what can be sent without waiting, where nothing was added before them.</summary>
    /// <returns>How many: none where it would have to wait, or broke, which the next flush tells.</returns>
    /// <exception cref="ObjectDisposedException">The connection is closed.</exception>
    int TrySend(ReadOnlySpan<byte> bytes);

    /// <summary>As <see cref="Transcoder.Media.Ports.IRunReceiver.Approach"/>.</summary>
    void Approach();

    /// <summary>Adds bytes to the next flush. They must stay as they are until it has completed.</summary>
    void Add(ArraySegment<byte> bytes);

    /// <summary>Parts of flushes that have left so far, 64 KiB each at most: a flush of which parts leave goes on, however slowly. From any thread.</summary>
    long Parts { get; }

    /// <summary>Sends what was added.</summary>
    /// <returns>False when the connection takes no more.</returns>
    /// <exception cref="IOException">The connection broke.</exception>
    ValueTask<bool> FlushAsync();

    /// <summary>Ends the outgoing side once what was flushed has left.</summary>
    ValueTask CompleteAsync();
}
