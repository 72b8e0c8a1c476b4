using Transcoder.Media.Ports;
using Transcoder.Rtmp;
using Transcoder.Streams;

namespace Transcoder.Host.Serving;

/// <summary>Joins the RTMP server to the streams behind it.</summary>
internal sealed class RtmpApplication(StreamRegistry registry) : IRtmpApplication
{
    public async ValueTask<Admission<IPacketSink>> PublishAsync(AccessRequest request, CancellationToken cancellationToken)
    {
        var (sink, refusal) = await registry.PublishAsync(request, cancellationToken).ConfigureAwait(false);
        return new Admission<IPacketSink>(sink, refusal);
    }

    public async ValueTask<Admission<IPacketSource>> PlayAsync(AccessRequest request, CancellationToken cancellationToken)
    {
        var (source, refusal) = await registry.PlayAsync(request, cancellationToken).ConfigureAwait(false);
        return new Admission<IPacketSource>(source, refusal);
    }

    public IReadOnlyList<string> LegacyNames(string app, string stream) => registry.LegacyNames(app, stream);
}
