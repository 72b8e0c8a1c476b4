using System.Collections.Concurrent;
using Transcoder.Media;
using Transcoder.Media.Ports;
using Transcoder.Rtmp;

namespace Transcoder.Testing.Rtmp;

/// <summary>Admits everybody to one sink and one source, unless the test says otherwise, and remembers who asked.</summary>
public sealed class FakeRtmpApplication : IRtmpApplication, IDisposable
{
    public ConcurrentQueue<AccessRequest> Requests { get; } = new();

    public FakePacketSink Sink { get; } = new();

    public FakePacketSource Source { get; } = new();

    /// <summary>What the house names to a player that cannot read what it asked for.</summary>
    public IReadOnlyList<string> Alternatives { get; set; } = [];

    /// <summary>Answered instead of admission.</summary>
    public Reason? Refusal { get; set; }

    /// <summary>Completes late to keep a player waiting.</summary>
    public Task Decision { get; set; } = Task.CompletedTask;

    /// <summary>Thrown instead of an answer.</summary>
    public Exception? Failure { get; set; }

    public ValueTask<Admission<IPacketSink>> PublishAsync(AccessRequest request, CancellationToken cancellationToken) =>
        new(Answer<IPacketSink>(request, Sink));

    public async ValueTask<Admission<IPacketSource>> PlayAsync(AccessRequest request, CancellationToken cancellationToken)
    {
        await Decision.WaitAsync(cancellationToken);
        return Answer<IPacketSource>(request, Source);
    }

    public IReadOnlyList<string> LegacyNames(string app, string stream) => Alternatives;

    public void Dispose()
    {
        Sink.Dispose();
        Source.Dispose();
    }

    private Admission<T> Answer<T>(AccessRequest request, T granted)
        where T : class
    {
        Requests.Enqueue(request);
        if (Failure is not null)
        {
            throw Failure;
        }

        return Refusal is { } refusal ? refusal : new Admission<T>(granted, default);
    }
}
