using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Streams.Workers;

namespace Transcoder.Streams.Transcoding;

/// <summary>Reads what a worker sends and does what it says, until its link ends or it falls silent.</summary>
internal sealed partial class WorkerReceiver
{
    /// <summary>
    /// From the source's end. A sound worker drains in a second; one on an overloaded machine has up to the transcoder's lag in front of it and takes
    /// several; a hung one must not hold the stream's end, even when it still reports.
    /// </summary>
    private static readonly TimeSpan DrainDeadline = TimeSpan.FromSeconds(10);

    private readonly WorkerLink _link;
    private readonly MediaBufferPool _pool;
    private readonly TranscodeSession _session;
    private readonly WorkerLeases _leases;
    private readonly int _processId;
    private readonly TimeSpan _hangTimeout;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;

    public WorkerReceiver(WorkerLink link, MediaBufferPool pool, TranscodeSession session, WorkerLeases leases, int processId, TimeSpan hangTimeout, TimeProvider clock, ILogger log)
    {
        _link = link;
        _pool = pool;
        _session = session;
        _leases = leases;
        _processId = processId;
        _hangTimeout = hangTimeout;
        _clock = clock;
        _log = log;
    }

    /// <returns>The worker's own closing reason, why it was given up, or null when its link just ended.</returns>
    public async Task<Reason?> RunAsync(CancellationToken cancellationToken)
    {
        using var silence = new CancellationTokenSource(_hangTimeout, _clock);
        using var late = new CancellationTokenSource();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(silence.Token, late.Token, cancellationToken);
        var limiting = LimitDrainAsync(late, either.Token);
        try
        {
            while (await _link.ReadAsync(either.Token).ConfigureAwait(false) is { } message)
            {
                silence.CancelAfter(_hangTimeout);
                if (Handle(message.Header, message.Body!) is { } ended)
                {
                    return ended;
                }
            }

            return null;
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested)
        {
            return new Reason(Reasons.WorkerHung, $"the worker did not finish within {DrainDeadline.TotalSeconds} s of the source's end");
        }
        catch (OperationCanceledException) when (silence.IsCancellationRequested)
        {
            return new Reason(Reasons.WorkerHung, $"no word from the worker for {_hangTimeout.TotalSeconds} s");
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        catch (IOException)
        {
            // Reset instead of closed: the process was killed with bytes unread.
            return null;
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or NotSupportedException or ArgumentException)
        {
            return new Reason(Reasons.WorkerDied, $"the worker's link is out of step: {e.Message}");
        }
        finally
        {
            await either.CancelAsync().ConfigureAwait(false);
            await limiting.ConfigureAwait(false);
        }
    }

    private async Task LimitDrainAsync(CancellationTokenSource late, CancellationToken cancellationToken)
    {
        try
        {
            await _session.Source.Live.Feed.Completion.WaitAsync(cancellationToken).ConfigureAwait(false);
            await Task.Delay(DrainDeadline, _clock, cancellationToken).ConfigureAwait(false);
            await late.CancelAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The worker ended first.
        }
    }

    private Reason? Handle(WorkerMessageHeader header, MediaBuffer body)
    {
        var keep = false;
        try
        {
            var payload = body.Span[..header.PayloadLength];
            var rendition = _session.Rendition(header.Number);
            switch (header.Type)
            {
                case WorkerMessageType.Packet when rendition?.TrackOf(header.Kind) is { } track:
                    keep = true;
                    rendition.Accept(Packet.Create(_pool, track, header.Dts, header.Pts, header.Flags, body, body.Memory[..header.PayloadLength]), header.LinkFlags);
                    break;
                case WorkerMessageType.Track:
                    var announced = Parse(payload, WorkerJson.Default.Track);
                    if (announced.Kind != header.Kind || announced.Kind == TrackKind.Data)
                    {
                        throw new InvalidDataException($"a track of kind {announced.Kind} was announced as {header.Kind}");
                    }

                    rendition?.SetTrack(announced);
                    break;
                case WorkerMessageType.RenditionStarted when rendition is not null:
                    var started = Parse(payload, WorkerJson.Default.RenditionStarted);
                    _leases.Confirm(started.Lease);
                    _session.Start(rendition, started);
                    break;
                case WorkerMessageType.LeaseRequest:
                    _leases.Request(Parse(payload, WorkerJson.Default.LeaseRequest));
                    break;
                case WorkerMessageType.LeaseClosed:
                    _leases.Close(Parse(payload, WorkerJson.Default.LeaseClosed));
                    break;
                case WorkerMessageType.LeaseStrained:
                    _leases.Strained(Parse(payload, WorkerJson.Default.LeaseStrained));
                    break;
                case WorkerMessageType.DecoderStarted:
                    _leases.Decodes(Parse(payload, WorkerJson.Default.DecoderStarted));
                    break;
                case WorkerMessageType.DecoderFailed:
                    _leases.DecoderFailed(Parse(payload, WorkerJson.Default.DecoderFailed));
                    break;
                case WorkerMessageType.RenditionEnded when rendition is not null:
                    return _session.EndByWorker(rendition, header.Number, _leases, Parse(payload, WorkerJson.Default.Reason));
                case WorkerMessageType.Report:
                    var report = Parse(payload, WorkerJson.Default.WorkerReport);
                    _leases.Observe(report);
                    _session.Note(report);
                    break;
                case WorkerMessageType.Log:
                    Write(Parse(payload, WorkerJson.Default.WorkerLogLine));
                    break;
                case WorkerMessageType.Ended:
                    return Parse(payload, WorkerJson.Default.Reason);
            }

            return null;
        }
        finally
        {
            if (!keep)
            {
                body.Release();
            }
        }
    }

    private static T Parse<T>(ReadOnlySpan<byte> payload, JsonTypeInfo<T> json) =>
        JsonSerializer.Deserialize(payload, json) ?? throw new JsonException("null where a message was expected");

    private void Write(WorkerLogLine line) =>
        LogWorkerLine(Enum.TryParse<LogLevel>(line.Level, out var level) ? level : LogLevel.Information, _session.Source.Live.Name, _processId, line.Message);

    [LoggerMessage(EventId = 250, Message = "stream {Stream}, worker {ProcessId}: {Line}")]
    private partial void LogWorkerLine(LogLevel level, StreamName stream, int processId, string line);
}
