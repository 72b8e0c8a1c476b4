using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Pipeline.Links;

namespace Transcoder.Pipeline.Renditions;

/// <summary>One rendition of the job as all threads see it: its number, its counters, and whether it has ended. Ends with one reason; the first wins.</summary>
internal sealed class Rendition(int number, RenditionJob job, WorkerLink link)
{
    private readonly Lock _lock = new();
    private readonly Track?[] _tracks = new Track?[2];
    private bool _ended;
    private long _audioUnits;

    public int Number => number;

    public string Name => job.Spec.Name;

    public RenditionJob Job => job;

    public FrameLedger Frames { get; } = new();

    /// <summary>Its pictures are the source's own. The decode thread's.</summary>
    public bool PassesThrough { get; set; }

    /// <summary>Pictures up to this time have left. The decode thread's: an encoder goes on from here.</summary>
    public MediaTime VideoLeft { get; set; } = job.ResumeVideoAfter;

    public bool HasEnded => Volatile.Read(ref _ended);

    public void CountAudioUnit() => Interlocked.Increment(ref _audioUnits);

    public RenditionReport Report() => Frames.Report(number, Interlocked.Read(ref _audioUnits));

    /// <summary>Tells the daemon. It may be told again when the rendition moves to another device; the latest word holds.</summary>
    public void Started(RenditionStarted started) => link.SendJson(WorkerMessageType.RenditionStarted, number, started, WorkerJson.Default.RenditionStarted);

    /// <summary>Announces the track before the first of its packets; a track equal to the last is no news.</summary>
    public void Announce(Track track)
    {
        lock (_lock)
        {
            if (track.Equals(_tracks[(int)track.Kind]))
            {
                return;
            }

            _tracks[(int)track.Kind] = track;
        }

        link.SendJson(WorkerMessageType.Track, number, track, WorkerJson.Default.Track, track.Kind);
    }

    public void End(Reason reason)
    {
        lock (_lock)
        {
            if (_ended)
            {
                return;
            }

            Volatile.Write(ref _ended, true);
        }

        link.SendJson(WorkerMessageType.RenditionEnded, number, reason, WorkerJson.Default.Reason);
    }
}
