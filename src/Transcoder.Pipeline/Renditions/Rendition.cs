using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Pipeline.Links;

namespace Transcoder.Pipeline.Renditions;

/// <summary>
/// One rendition of the job as all threads see it: its number, its counters, and whether it has ended. Ends with one reason; the first wins. One that ended for
/// want of an encoder is parked: it takes no frames, and lives again when the daemon grants it a place.
/// </summary>
internal sealed class Rendition(int number, RenditionJob job, WorkerLink link)
{
    private readonly Lock _lock = new();
    private readonly Track?[] _tracks = new Track?[2];
    private bool _ended;
    private bool _parked;
    private int _life;
    private long _soundFrom = long.MinValue;
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

    public bool IsParked => Volatile.Read(ref _parked);

    /// <summary>Counts its returns: who served an earlier life has nothing to do with this one.</summary>
    public int Life => Volatile.Read(ref _life);

    /// <summary>In a later life the sound begins with the picture.</summary>
    public MediaTime SoundFrom => new(Volatile.Read(ref _soundFrom));

    /// <summary>Nothing follows the word that it has ended.</summary>
    /// <returns>False: it has ended.</returns>
    public bool Send(TrackKind kind, MediaTime dts, MediaTime pts, PacketFlags flags, WorkerPacketFlags linkFlags, ReadOnlySpan<byte> payload)
    {
        lock (_lock)
        {
            if (!_ended)
            {
                link.SendPacket(number, kind, dts, pts, flags, linkFlags, payload);
                return true;
            }
        }

        return false;
    }

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

    /// <summary>For good, while this worker lives.</summary>
    public void End(Reason reason) => End(reason, parked: false);

    /// <summary>No encoder for now.</summary>
    public void Park(Reason reason) => End(reason, parked: true);

    /// <summary>It has a place again, on the decode thread; the daemon is told when the encoder runs.</summary>
    /// <param name="after">The newest picture: later ones are for this life.</param>
    public void Return(MediaTime after)
    {
        VideoLeft = after;
        Volatile.Write(ref _soundFrom, long.MaxValue);
        lock (_lock)
        {
            // In this order: whoever sees it running must not take itself for its server.
            Volatile.Write(ref _life, _life + 1);
            _parked = false;
            Volatile.Write(ref _ended, false);
        }
    }

    /// <summary>The picture begins, on the decode thread.</summary>
    public void Begin(MediaTime pts)
    {
        if (_soundFrom == long.MaxValue)
        {
            Volatile.Write(ref _soundFrom, pts.Nanoseconds);
        }
    }

    private void End(Reason reason, bool parked)
    {
        lock (_lock)
        {
            if (_ended)
            {
                return;
            }

            _parked = parked;
            Volatile.Write(ref _ended, true);
        }

        link.SendJson(WorkerMessageType.RenditionEnded, number, reason, WorkerJson.Default.Reason);
    }
}
