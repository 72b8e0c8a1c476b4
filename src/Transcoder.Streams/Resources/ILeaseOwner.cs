using Transcoder.Media.Jobs;
using Transcoder.Media.Workers;

namespace Transcoder.Streams.Resources;

/// <summary>Whoever holds leases: one worker of one stream. A new worker is a new owner, because the old one's leases die with it.</summary>
public interface ILeaseOwner
{
    /// <summary>APP/STREAM, for reasons and the API. Owners with the same stream follow each other.</summary>
    string Stream { get; }

    /// <summary>The worker's process: sessions that the driver lists for it are ours, not foreign. 0: none.</summary>
    int WorkerProcessId { get; }

    /// <summary>What the operator wrote for a rendition, by its number on the link.</summary>
    LeaseTerms Terms(int number);

    /// <summary>
    /// Sends a grant that nobody waits for in a call: an order to move, to stop (lease 0), or the late answer to a demand. Called from any thread, outside the
    /// manager's lock; must not block.
    /// </summary>
    void Order(LeaseGrant grant);

    /// <summary>Sends the order to decode elsewhere; as <see cref="Order"/>.</summary>
    void Move(DecodeMove move);
}

/// <param name="Rendition">Its name in the ladder.</param>
/// <param name="Fallback">Null: as for all.</param>
public readonly record struct LeaseTerms(string Rendition, int Priority = 0, FallbackPolicy? Fallback = null);
