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
public sealed class IngestWorker(Stream link, IDeviceSource devices, MediaBufferPool pool, TimeProvider time, WorkerHello hello)
{
    private static readonly TimeSpan ReportInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan WatchInterval = TimeSpan.FromMilliseconds(250);

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
    private bool _watchDue;

    /// <summary>Blocks until the worker has ended. The link is closed then, and every thread has ended unless native code holds it.</summary>
    public Reason Run()
    {
        _writer = new WorkerLink(link, exception => End(LinkEnded(exception.Message)));
        _threads = new ThreadSet(time, OnThreadEnded);
        _writer.SendJson(WorkerMessageType.Hello, 0, hello, WorkerJson.Default.WorkerHello);
        PipelineThread reader;
        using (time.CreateTimer(_ => Wake(report: true), null, ReportInterval, ReportInterval))
        using (time.CreateTimer(_ => Wake(watch: true), null, WatchInterval, WatchInterval))
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

    /// <summary>Only the link is still read.</summary>
    private bool IsDone => _sourceEnded && _threads.Running <= 1;

    private void Abort()
    {
        Volatile.Read(ref _scope)?.Desk.Abort();
        Volatile.Read(ref _video)?.Abort();
        Volatile.Read(ref _audio)?.Abort();
    }

    /// <summary>Until the end: reports once a second and looks for hung threads four times as often.</summary>
    private void Watch()
    {
        while (true)
        {
            bool report;
            lock (_gate)
            {
                while (_end is null && !_reportDue && !_watchDue && !IsDone)
                {
                    Monitor.Wait(_gate, ReportInterval);
                }

                if (_end is not null || IsDone)
                {
                    return;
                }

                report = _reportDue;
                _reportDue = false;
                _watchDue = false;
            }

            if (report)
            {
                Volatile.Read(ref _reporter)?.Send();
            }

            if (_threads.FindHung() is { Count: > 0 } hung)
            {
                // The daemon first learns which leases and devices hang: the next worker must not go there.
                foreach (var thread in hung)
                {
                    thread.Hung?.Invoke();
                    thread.IsAbandoned = thread.IsExpendable;
                }

                if (hung.Any(thread => !thread.IsExpendable))
                {
                    End(new Reason(Reasons.WorkerHung, $"no return for longer than it may take from {string.Join(", ", hung.Select(thread => thread.Name))}"));
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
                        Monitor.PulseAll(_gate);
                    }
                }
                else
                {
                    // After the source's end, too: encoders that drain may still need a place.
                    OnMessage(header, reader);
                }
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
                case WorkerMessageType.LeaseGrant when _scope is not null:
                    OnGrant(JsonSerializer.Deserialize(payload.Span, WorkerJson.Default.LeaseGrant) ?? throw new InvalidDataException("an empty grant"));
                    break;
                case WorkerMessageType.DecodeMove when _scope is not null:
                    var move = JsonSerializer.Deserialize(payload.Span, WorkerJson.Default.DecodeMove) ?? throw new InvalidDataException("an empty move");
                    _scope.DecodeOrder = move.Places;
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
        if (job.Stream is null || job.DecodeOrder is null || job.Renditions is null || job.KeyframeInterval <= MediaTime.Zero ||
            job.Renditions.Any(rendition => rendition?.Spec is null))
        {
            throw new InvalidDataException("the job lacks a part");
        }

        var scope = new PipelineScope(job, _writer, devices, pool, time, _threads, End);
        scope.Desk.Awaiting = awaits =>
        {
            Volatile.Read(ref _video)?.Queue.IsRelaxed = awaits;
            Volatile.Read(ref _audio)?.Queue.IsRelaxed = awaits;
        };
        Volatile.Write(ref _reporter, new WorkerReporter(scope));
        Volatile.Write(ref _scope, scope);
    }

    private void OnGrant(LeaseGrant grant)
    {
        if (grant.Number < 0 || grant.Number >= _scope!.Renditions.Count)
        {
            throw new InvalidDataException($"a place for rendition {grant.Number}, which is not in the job");
        }

        _scope.Desk.Deliver(grant);
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

        Wake();
    }

    private void End(Reason reason)
    {
        lock (_gate)
        {
            _end ??= reason;
            Monitor.PulseAll(_gate);
        }
    }

    private void Wake(bool report = false, bool watch = false)
    {
        lock (_gate)
        {
            _reportDue |= report;
            _watchDue |= watch;
            Monitor.PulseAll(_gate);
        }
    }

    private static Reason LinkEnded(string detail) => new(Reasons.Shutdown, detail);
}
