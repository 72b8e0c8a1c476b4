using System.Text.Json;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Pipeline.Audio;
using Transcoder.Pipeline.Links;
using Transcoder.Pipeline.Threads;
using Transcoder.Pipeline.Video;

namespace Transcoder.Pipeline;

/// <summary>
/// One worker: greets the daemon, waits for its one job, and makes renditions until the source or the link ends. It ends with exactly one reason.
/// </summary>
/// <param name="link">Duplex stream to the daemon; disposed at the end, which is also what wakes the thread that reads it.</param>
public sealed class IngestWorker(Stream link, IReadOnlyList<IDevice> devices, MediaBufferPool pool, TimeProvider time, WorkerHello hello)
{
    private static readonly TimeSpan ReportInterval = TimeSpan.FromSeconds(1);

    // A codec call that takes longer hangs in a driver. The slowest honest one, opening an encoder on a busy GPU, takes about three.
    private static readonly TimeSpan HungAfter = TimeSpan.FromSeconds(20);

    // For threads to notice the end. One that doesn't is left behind: the process ends next.
    private static readonly TimeSpan JoinDeadline = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan HungJoinDeadline = TimeSpan.FromMilliseconds(200);

    private readonly object _gate = new();
    private WorkerLink _writer = null!;
    private ThreadSet _threads = null!;
    private PipelineScope? _scope;
    private VideoPath? _video;
    private AudioPath? _audio;
    private Track? _videoTrack;
    private Track? _audioTrack;
    private WorkerReporter? _reporter;
    private Reason? _end;
    private bool _sourceEnded;
    private bool _reportDue;

    /// <summary>Blocks until the worker has ended. The link is closed then, and every thread has ended unless native code holds it.</summary>
    public Reason Run()
    {
        _writer = new WorkerLink(link, exception => End(LinkEnded(exception.Message)));
        _threads = new ThreadSet(time, OnThreadEnded);
        _writer.SendJson(WorkerMessageType.Hello, 0, hello, WorkerJson.Default.WorkerHello);
        PipelineThread reader;
        using (time.CreateTimer(_ => Wake(report: true), null, ReportInterval, ReportInterval))
        {
            reader = _threads.Start("link", ReadLink);
            Watch();
        }

        var reason = _end ?? new Reason(Reasons.SourceEnded, "the source ended and everything was sent");
        Abort();
        _threads.JoinAll(reason.Code == Reasons.WorkerHung ? HungJoinDeadline : JoinDeadline, except: reader);
        Volatile.Read(ref _reporter)?.Send();
        _writer.SendJson(WorkerMessageType.Ended, 0, reason, WorkerJson.Default.Reason);
        link.Dispose();

        // The reader may have started a thread after the first call: once more, now that it starts none.
        var readerEnded = reader.Join(JoinDeadline);
        Abort();
        if (_threads.JoinAll(JoinDeadline, except: reader) && readerEnded)
        {
            _video?.Dispose();
            _audio?.Dispose();
        }

        return reason;
    }

    private void Abort()
    {
        Volatile.Read(ref _video)?.Abort();
        Volatile.Read(ref _audio)?.Abort();
    }

    /// <summary>Until the end: reports once a second and looks for hung threads.</summary>
    private void Watch()
    {
        while (true)
        {
            bool report;
            lock (_gate)
            {
                while (_end is null && !_reportDue && !(_sourceEnded && _threads.Running == 0))
                {
                    Monitor.Wait(_gate, ReportInterval);
                }

                if (_end is not null || (_sourceEnded && _threads.Running == 0))
                {
                    return;
                }

                report = _reportDue;
                _reportDue = false;
            }

            if (report)
            {
                Volatile.Read(ref _reporter)?.Send();
                if (_threads.FindHung(HungAfter) is { Count: > 0 } hung)
                {
                    End(new Reason(Reasons.WorkerHung, $"no return for {HungAfter.TotalSeconds:0} s from {string.Join(", ", hung)}"));
                }
            }
        }
    }

    private void ReadLink(PipelineThread thread)
    {
        try
        {
            var reader = new LinkReader(link);
            while (reader.ReadHeader(out var header))
            {
                if (header.Type == WorkerMessageType.EndOfStream)
                {
                    _video?.Queue.Put(default);
                    _audio?.Queue.Put(default);
                    lock (_gate)
                    {
                        _sourceEnded = true;
                    }

                    return;
                }

                OnMessage(header, reader);
            }

            End(LinkEnded("the daemon closed the link"));
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            End(LinkEnded(exception.Message));
        }
        catch (Exception exception) when (exception is InvalidDataException or JsonException or NotSupportedException or ArgumentException)
        {
            End(new Reason(Reasons.ProtocolError, $"the worker link is out of step: {exception.Message}"));
        }
    }

    private void OnMessage(in WorkerMessageHeader header, LinkReader reader)
    {
        var buffer = pool.Rent(header.PayloadLength);
        var owned = true;
        try
        {
            var payload = buffer.Memory[..header.PayloadLength];
            reader.ReadPayload(payload.Span);
            switch (header.Type)
            {
                case WorkerMessageType.Job when _scope is null:
                    StartJob(payload.Span);
                    break;
                case WorkerMessageType.Track when _scope is not null:
                    var track = JsonSerializer.Deserialize(payload.Span, WorkerJson.Default.Track) ?? throw new InvalidDataException("an empty track");
                    StartTrack(track);
                    break;
                case WorkerMessageType.Packet when _scope is not null:
                    owned = false;
                    OnPacket(header, buffer, payload);
                    break;
                default:
                    throw new InvalidDataException($"message type {(int)header.Type} was not expected now");
            }
        }
        finally
        {
            if (owned)
            {
                buffer.Release();
            }
        }
    }

    private void StartJob(ReadOnlySpan<byte> payload)
    {
        var job = JsonSerializer.Deserialize(payload, WorkerJson.Default.TranscodeJob) ?? throw new InvalidDataException("an empty job");
        if (job.Stream is null || job.EncoderOrder is null || job.Renditions is null || job.KeyframeInterval <= MediaTime.Zero ||
            job.Renditions.Any(rendition => rendition?.Spec is null))
        {
            throw new InvalidDataException("the job lacks a part");
        }

        var scope = new PipelineScope(job, _writer, devices, pool, time, _threads, End);
        Volatile.Write(ref _reporter, new WorkerReporter(scope));
        Volatile.Write(ref _scope, scope);
    }

    private void StartTrack(Track track)
    {
        var scope = _scope!;
        switch (track.Kind)
        {
            case TrackKind.Video:
                scope.HasVideo = true;
                if (_video is null)
                {
                    Volatile.Write(ref _video, new VideoPath(scope));
                    _threads.Start($"dec:{scope.Job.Stream}", _video.Run);
                }

                _videoTrack = track;
                _video.Queue.Put(new LinkItem(null, track));
                break;
            case TrackKind.Audio:
                if (_audio is null)
                {
                    Volatile.Write(ref _audio, new AudioPath(scope));
                    _threads.Start($"aud:{scope.Job.Stream}", _audio.Run);
                }

                _audioTrack = track;
                _audio.Queue.Put(new LinkItem(null, track));
                break;
        }
    }

    /// <summary>Takes over the buffer.</summary>
    private void OnPacket(in WorkerMessageHeader header, MediaBuffer buffer, ReadOnlyMemory<byte> payload)
    {
        var (track, queue) = header.Kind switch
        {
            TrackKind.Video => (_videoTrack, _video?.Queue),
            TrackKind.Audio => (_audioTrack, _audio?.Queue),
            _ => (null, null),
        };
        if (track is null || queue is null)
        {
            // Script data is no business of a transcoder, and a packet without a track can't be decoded.
            if (header.Kind != TrackKind.Data)
            {
                _scope!.Source.CountDamage();
            }

            buffer.Release();
            return;
        }

        var packet = Packet.Create(pool, track, header.Dts, header.Pts, header.Flags, buffer, payload);
        queue.Put(new LinkItem(packet, null, header.LagMilliseconds, time.GetTimestamp()));
    }

    private void OnThreadEnded(PipelineThread thread, Exception? escaped)
    {
        if (escaped is not null)
        {
            End(new Reason(Reasons.InternalError, $"{thread.Name}: {escaped.GetType().Name}: {escaped.Message}"));
        }

        Wake(report: false);
    }

    private void End(Reason reason)
    {
        lock (_gate)
        {
            _end ??= reason;
            Monitor.PulseAll(_gate);
        }
    }

    private void Wake(bool report)
    {
        lock (_gate)
        {
            _reportDue |= report;
            Monitor.PulseAll(_gate);
        }
    }

    private static Reason LinkEnded(string detail) => new(Reasons.Shutdown, detail);
}
