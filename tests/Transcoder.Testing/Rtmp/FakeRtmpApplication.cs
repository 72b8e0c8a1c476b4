using System.Collections.Concurrent;
using Transcoder.Media;
using Transcoder.Media.Ports;
using Transcoder.Rtmp;

namespace Transcoder.Testing.Rtmp;

/// <summary>Admits everybody to one sink and one source, unless the test says otherwise, and remembers who asked.</summary>
public sealed class FakeRtmpApplication : IRtmpApplication, IDisposable
{
    private bool _sinkIsTaken;

    public ConcurrentQueue<AccessRequest> Requests { get; } = new();

    /// <summary>Of the newest publisher, or for the first.</summary>
    public FakePacketSink Sink { get; private set; } = new();

    /// <summary>Of publishers that were followed by another.</summary>
    public ConcurrentQueue<FakePacketSink> EarlierSinks { get; } = new();

    /// <summary>A new one once a player has let go of it.</summary>
    public FakePacketSource Source { get; private set; } = new();

    /// <summary>What the house names to a player that cannot read what it asked for.</summary>
    public IReadOnlyList<string> Alternatives { get; set; } = [];

    /// <summary>Answered instead of admission.</summary>
    public Reason? Refusal { get; set; }

    /// <summary>Answered to connect.</summary>
    public Reason? ConnectionRefusal { get; set; }

    /// <summary>Completes late to keep a player waiting.</summary>
    public Task Decision { get; set; } = Task.CompletedTask;

    /// <summary>Thrown instead of an answer.</summary>
    public Exception? Failure { get; set; }

    public ValueTask<Admission<IPacketSink>> PublishAsync(AccessRequest request, CancellationToken cancellationToken) =>
        new(Answer<IPacketSink>(request, SinkForNext));

    public async ValueTask<Admission<IPacketSource>> PlayAsync(AccessRequest request, CancellationToken cancellationToken)
    {
        await Decision.WaitAsync(cancellationToken);
        return Answer<IPacketSource>(request, () => Source = Source.IsDisposed ? new FakePacketSource() : Source);
    }

    public Reason? RefuseConnection(string app) => ConnectionRefusal;

    public IReadOnlyList<string> LegacyNames(string app, string stream) => Alternatives;

    public void Dispose()
    {
        Sink.Dispose();
        Source.Dispose();
        foreach (var sink in EarlierSinks)
        {
            sink.Dispose();
        }
    }

    private FakePacketSink SinkForNext()
    {
        if (_sinkIsTaken)
        {
            EarlierSinks.Enqueue(Sink);
            Sink = new FakePacketSink();
        }

        _sinkIsTaken = true;
        return Sink;
    }

    private Admission<T> Answer<T>(AccessRequest request, Func<T> grant)
        where T : class
    {
        Requests.Enqueue(request);
        if (Failure is not null)
        {
            throw Failure;
        }

        return Refusal is { } refusal ? refusal : new Admission<T>(grant(), default);
    }
}
