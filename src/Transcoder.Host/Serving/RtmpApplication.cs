using Transcoder.Host.Serving.Access;
using Transcoder.Media;
using Transcoder.Media.Ports;
using Transcoder.Rtmp;
using Transcoder.Streams;

namespace Transcoder.Host.Serving;

/// <summary>Joins the RTMP server to the streams behind it.</summary>
internal sealed class RtmpApplication(StreamRegistry registry, AccessAuthorizer access) : IRtmpApplication
{
    public async ValueTask<Admission<IPacketSink>> PublishAsync(AccessRequest request, CancellationToken cancellationToken)
    {
        var named = Named(request) with { Action = AccessAction.Publish };
        var (sink, refusal) = await registry.PublishAsync(named, cancellationToken).ConfigureAwait(false);
        return new Admission<IPacketSink>(sink is null ? null : access.Watch(named, sink), refusal);
    }

    public async ValueTask<Admission<IPacketSource>> PlayAsync(AccessRequest request, CancellationToken cancellationToken)
    {
        var named = Named(request) with { Action = AccessAction.Play };
        var (source, refusal) = await registry.PlayAsync(named, cancellationToken).ConfigureAwait(false);
        return new Admission<IPacketSource>(source is null ? null : access.Watch(named, source), refusal);
    }

    public Reason? RefuseConnection(string app) => registry.WhyClosed(app);

    public IReadOnlyList<string> LegacyNames(string app, string stream) => registry.LegacyNames(app, stream);

    private static AccessRequest Named(AccessRequest request) => request with { Id = Guid.CreateVersion7().ToString("N") };
}
