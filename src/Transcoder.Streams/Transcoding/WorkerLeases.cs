using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Transcoder.Media.Devices;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Streams.Resources;
using Transcoder.Streams.Workers;

namespace Transcoder.Streams.Transcoding;

/// <summary>
/// One worker's account with the <see cref="ResourceManager"/>: its requests go in, grants and orders to move go out over its link. Disposing it, once the
/// worker's process has gone, gives back whatever it held.
/// </summary>
internal sealed partial class WorkerLeases : ILeaseOwner, IAsyncDisposable
{
    /// <summary>A ladder has at most 32 rungs and each move one order: a worker that lets so many pile up reads its link no more.</summary>
    private const int MaxOrders = 512;

    private readonly ResourceManager _resources;
    private readonly IReadOnlyList<RenditionOutput> _renditions;
    private readonly ILogger _log;
    private readonly Channel<Func<WorkerLink, ValueTask>> _orders = Channel.CreateBounded<Func<WorkerLink, ValueTask>>(new BoundedChannelOptions(MaxOrders) { SingleReader = true });
    private readonly Task _sending;

    /// <param name="renditions">By their number on the link.</param>
    public WorkerLeases(ResourceManager resources, string stream, int workerProcessId, WorkerLink link, IReadOnlyList<RenditionOutput> renditions, ILogger log)
    {
        _resources = resources;
        _renditions = renditions;
        _log = log;
        Stream = stream;
        WorkerProcessId = workerProcessId;
        _sending = SendAsync(link);
    }

    /// <summary>The loop that sends the orders: it ends with the link, and a fault in it is a defect of ours.</summary>
    public Task Sending => _sending;

    public string Stream { get; }

    public int WorkerProcessId { get; }

    public LeaseTerms Terms(int number)
    {
        var spec = _renditions[number].Spec;
        return new LeaseTerms(spec.Name, spec.Priority, spec.Fallback);
    }

    /// <summary>Where the worker is to decode the source, in the order to try.</summary>
    public IReadOnlyList<DeviceRef> DecodeOrder(Track? video) =>
        video is null ? [DeviceRef.Cpu] : _resources.DecodeOrder(this, video, [.. _renditions.Select(rendition => rendition.Spec)]);

    /// <exception cref="InvalidDataException">A demand for a rendition that the job doesn't have.</exception>
    public void Request(LeaseRequest request)
    {
        if (request.Demands.Any(demand => demand.Number < 0 || demand.Number >= _renditions.Count))
        {
            throw new InvalidDataException("a place was asked for a rendition that is not in the job");
        }

        _resources.Request(this, request);
    }

    public void Confirm(long lease)
    {
        if (lease != 0 && !_resources.Confirm(this, lease))
        {
            LogUnknownLease(Stream, WorkerProcessId, lease);
        }
    }

    public void Close(LeaseClosed closed) => _resources.Close(this, closed);

    /// <summary>The worker has parked a rendition: it gets a grant when there is a place.</summary>
    /// <returns>False: it never asked for one.</returns>
    public bool Await(int number, TimeSpan delay) => _resources.Await(this, number, delay);

    public void Strained(LeaseStrained strained) => _resources.Strained(this, strained);

    public void Observe(WorkerReport report) => _resources.Observe(this, report);

    /// <summary>The source is decoded elsewhere than the worker was told.</summary>
    public void Decodes(DecoderStarted started) => _resources.Decodes(this, started.Place);

    public void DecoderFailed(DecoderFailed failed) => _resources.DecoderFailed(this, failed);

    /// <summary>The process crashed. Before it is disposed.</summary>
    public void Crashed(string status) => _resources.Crashed(this, status);

    public void Order(LeaseGrant grant) => Send(WorkerMessageType.LeaseGrant, grant.Number, grant, WorkerJson.Default.LeaseGrant);

    public void Move(DecodeMove move) => Send(WorkerMessageType.DecodeMove, 0, move, WorkerJson.Default.DecodeMove);

    public async ValueTask DisposeAsync()
    {
        _resources.ReleaseAll(this);
        _orders.Writer.TryComplete();
        await _sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void Send<T>(WorkerMessageType type, int number, T order, JsonTypeInfo<T> json)
    {
        if (!_orders.Writer.TryWrite(link => link.PostAsync(type, number, order, json, CancellationToken.None)))
        {
            LogOrderLost(Stream, WorkerProcessId, type, number);
        }
    }

    private async Task SendAsync(WorkerLink link)
    {
        try
        {
            await foreach (var send in _orders.Reader.ReadAllAsync().ConfigureAwait(false))
            {
                await send(link).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The worker has gone: its end is noticed and told by the loop that reads the link, and what it held returns with it.
        }
    }

    [LoggerMessage(270, LogLevel.Warning, "stream {Stream}: worker {ProcessId} confirms lease {Lease}, which is not its own")]
    private partial void LogUnknownLease(string stream, int processId, long lease);

    [LoggerMessage(271, LogLevel.Error, "stream {Stream}: worker {ProcessId} doesn't read its orders; {Order} for rendition {Number} is lost")]
    private partial void LogOrderLost(string stream, int processId, WorkerMessageType order, int number);
}
