using System.Threading.Channels;
using Transcoder.Host.Configuration;

namespace Transcoder.Host.Serving.Access;

/// <summary>Tells hooks what has ended. Nobody waits for it: events queue, and those that find the queue full are counted and lost.</summary>
internal sealed class HookNotifier
{
    private readonly HookCaller _caller;
    private readonly Channel<(HttpAddress Address, HookEvent What)> _queue;
    private readonly Task _telling;

    public HookNotifier(HookCaller caller)
    {
        _caller = caller;

        // Wait, not drop: then TryWrite says when there is no room.
        _queue = Channel.CreateBounded<(HttpAddress, HookEvent)>(new BoundedChannelOptions(caller.Options.Queue) { FullMode = BoundedChannelFullMode.Wait });
        _telling = Task.WhenAll(Enumerable.Range(0, caller.Options.Concurrency).Select(_ => TellAsync()));
    }

    public void Tell(HttpAddress address, HookEvent what)
    {
        if (!_queue.Writer.TryWrite((address, what)))
        {
            _caller.Count(what.Event, HookResult.Overflow);
            _caller.Tell(what, address, "the queue is full, and events are lost");
        }
    }

    /// <summary>Takes no more, and waits until all is told, at most until the token.</summary>
    public Task DrainAsync(CancellationToken cancellationToken)
    {
        _queue.Writer.TryComplete();
        return _telling.WaitAsync(cancellationToken);
    }

    private async Task TellAsync()
    {
        await foreach (var (address, what) in _queue.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            await _caller.TellAsync(address, what).ConfigureAwait(false);
        }
    }
}
