using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Media.Jobs;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Pipeline.Encoding;
using Transcoder.Pipeline.Links;
using Transcoder.Pipeline.Renditions;
using Transcoder.Pipeline.Threads;

namespace Transcoder.Pipeline;

/// <summary>What the stages of one worker share. Thread safe.</summary>
internal sealed class PipelineScope
{
    private readonly Action<Reason> _end;

    public PipelineScope(TranscodeJob job, WorkerLink link, IDeviceSource devices, MediaBufferPool pool, TimeProvider time, ThreadSet threads, Action<Reason> end)
    {
        Job = job;
        Link = link;
        Devices = devices;
        Pool = pool;
        Time = time;
        Threads = threads;
        _end = end;
        Encoders = new EncoderPool(devices, time);
        Desk = new LeaseDesk(link, time);
        Renditions = [.. job.Renditions.Select((rendition, number) => new Rendition(number, rendition, link))];
    }

    public TranscodeJob Job { get; }

    public WorkerLink Link { get; }

    public IDeviceSource Devices { get; }

    public MediaBufferPool Pool { get; }

    public TimeProvider Time { get; }

    public ThreadSet Threads { get; }

    public EncoderPool Encoders { get; }

    public LeaseDesk Desk { get; }

    public IReadOnlyList<Rendition> Renditions { get; }

    public SourceCounters Source { get; } = new();

    /// <summary>The source has announced a video track.</summary>
    public bool HasVideo { get; set; }

    /// <summary>Set once it is known which renditions the source's picture allows, or that it never will be.</summary>
    public ManualResetEventSlim VideoSettled { get; } = new();

    /// <summary>Ends the worker; the first reason wins.</summary>
    public void End(Reason reason) => _end(reason);
}
