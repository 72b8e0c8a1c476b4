using Transcoder.Media.Packets;

namespace Transcoder.Media.Ports;

/// <summary>
/// A subscriber that can take what it waits for where it is published, without being woken: what a wake-up costs is much of what a small write costs.
/// </summary>
public interface IRunReceiver
{
    /// <summary>Takes the run, or says that it has to be woken and read it packet by packet. Called only while the subscriber waits; never waits itself, and never throws: the thread is the stream's.</summary>
    bool TryTake(PacketRun run);

    /// <summary>A run is on its way: touches what <see cref="TryTake"/> will read, so that the caches have it by then. Said to some receivers one after the other, so that what they wait for overlaps.</summary>
    void Approach()
    {
    }
}
