using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Media.Devices;
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
    private IReadOnlyList<DeviceRef> _decodeOrder;

    public PipelineScope(TranscodeJob job, WorkerLink link, IDeviceSource devices, MediaBufferPool pool, TimeProvider time, ThreadSet threads, Action<Reason> end)
    {
        Job = job;
        Link = link;
        Devices = devices;
        Pool = pool;
        Time = time;
        Threads = threads;
        _end = end;
        _decodeOrder = job.DecodeOrder;
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

    /// <summary>Where to decode, in the order to try: the job's, until the daemon orders otherwise.</summary>
    public IReadOnlyList<DeviceRef> DecodeOrder
    {
        get => Volatile.Read(ref _decodeOrder);
        set => Volatile.Write(ref _decodeOrder, value);
    }

    public SourceCounters Source { get; } = new();

    /// <summary>The source has announced a video track.</summary>
    public bool HasVideo { get; set; }

    /// <summary>Set once it is known which renditions the source's picture allows, or that it never will be.</summary>
    public ManualResetEventSlim VideoSettled { get; } = new();

    /// <summary>
    /// Closes something native on a thread of its own: a driver may take its time for it, or never return, and nothing that works shall wait for that.
    /// </summary>
    /// <param name="closed">On that thread, once it has closed.</param>
    /// <param name="hung">It has not closed in time, and perhaps never will.</param>
    public void CloseAside(string name, IDisposable what, Action closed, Action hung) => Threads.Start(
        $"close:{Job.Stream}:{name}",
        thread =>
        {
            thread.Hung = hung;
            thread.Busy(EncoderLimits.Opening);
            what.Dispose();
            thread.Busy();
            closed();
        },
        expendable: true);

    /// <summary>Ends the worker; the first reason wins.</summary>
    public void End(Reason reason) => _end(reason);
}
