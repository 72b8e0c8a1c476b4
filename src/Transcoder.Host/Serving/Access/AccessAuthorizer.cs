using Transcoder.Host.Configuration;
using Transcoder.Media;
using Transcoder.Media.Ports;

namespace Transcoder.Host.Serving.Access;

/// <summary>Every application's rules, and its hooks. They are asked when somebody begins: who is in stays in, whatever becomes of keys and tokens.</summary>
internal sealed class AccessAuthorizer : IAccessAuthorizer, IDisposable
{
    // No redirects: a hook's answer is its own. Connections are given up now and then, so that a name that moved is followed.
    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
    })
    {
        // Every call has its own deadline.
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private readonly Dictionary<string, Doors> _apps;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;

    /// <exception cref="StartException">A file that the configuration names can't be used.</exception>
    public AccessAuthorizer(TranscoderOptions options, TimeProvider clock, ILogger<AccessAuthorizer> log)
    {
        _clock = clock;
        _log = log;
        _apps = options.Apps.ToDictionary(app => app.Key, app => DoorsOf(app.Key, app.Value), StringComparer.Ordinal);
    }

    public IEnumerable<HookCaller> Hooks => _apps.Values.Select(doors => doors.Hooks).OfType<HookCaller>();

    public async ValueTask<Reason?> AuthorizeAsync(AccessRequest request, CancellationToken cancellationToken)
    {
        var doors = _apps[request.App];
        try
        {
            return await (request.Action == AccessAction.Publish ? doors.Publish : doors.Play).JudgeAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The hook may have said yes to nobody.
            Unused(request, new Reason(Reasons.ClientClosed, "the client left before it was admitted"));
            throw;
        }
    }

    public void Unused(AccessRequest request, Reason reason) => EndedOf(request)?.Invoke(reason);

    /// <summary>The publisher's sink, watched where a hook wants to know its end.</summary>
    public IPacketSink Watch(AccessRequest request, IPacketSink sink) =>
        EndedOf(request) is { } ended ? new WatchedSink(sink, ended) : sink;

    public IPacketSource Watch(AccessRequest request, IPacketSource source) =>
        EndedOf(request) is { } ended ? new WatchedSource(source, ended) : source;

    /// <summary>Called every second.</summary>
    public void Tick()
    {
        foreach (var rule in _apps.Values.SelectMany(doors => doors.Publish.Rules.Concat(doors.Play.Rules)))
        {
            rule.Tick();
        }
    }

    /// <summary>Waits until every end was told, at most until the token.</summary>
    public async Task DrainAsync(CancellationToken cancellationToken) =>
        await Task.WhenAll(_apps.Values.Select(doors => doors.Notifier?.DrainAsync(cancellationToken) ?? Task.CompletedTask)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    public void Dispose()
    {
        _http.Dispose();
        foreach (var hooks in Hooks)
        {
            hooks.Dispose();
        }
    }

    private Action<Reason>? EndedOf(AccessRequest request)
    {
        var doors = _apps[request.App];
        if (doors.Notifier is not { } notifier ||
            (request.Action == AccessAction.Publish ? doors.Hooks!.Options.OnUnpublish : doors.Hooks!.Options.OnStop) is not { } address)
        {
            return null;
        }

        var began = _clock.GetTimestamp();
        return reason => notifier.Tell(address, HookEvent.End(request, reason, _clock.GetElapsedTime(began)));
    }

    private Doors DoorsOf(string name, AppOptions app)
    {
        var hooks = app.Hooks.IsSet ? new HookCaller(name, app.Hooks, _http, _clock, _log) : null;
        return new Doors(
            ChainOf(app.Publish.Access, hooks, app.Hooks.OnPublish),
            ChainOf(app.Play, hooks, app.Hooks.OnPlay),
            hooks,
            hooks is null ? null : new HookNotifier(hooks));
    }

    private AccessChain ChainOf(AccessOptions access, HookCaller? hooks, HttpAddress? hook)
    {
        var rules = new List<IAccessRule>();
        if (access.Keys.Count > 0 || access.KeysFile is not null)
        {
            rules.Add(new KeyRule(access.Keys, access.KeysFile, _log));
        }

        if (access.Signed.Secrets.Count > 0)
        {
            rules.Add(new SignedRule(access.Signed, _clock));
        }

        if (access.Jwt.IsSet)
        {
            rules.Add(new TokenRule(access.Jwt, _http, _clock, _log));
        }

        return new AccessChain(rules, hook is null ? null : new HookRule(hooks!, hook));
    }

    private sealed record Doors(AccessChain Publish, AccessChain Play, HookCaller? Hooks, HookNotifier? Notifier);
}
