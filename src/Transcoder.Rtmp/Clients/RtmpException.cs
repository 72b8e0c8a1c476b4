using Transcoder.Media;

namespace Transcoder.Rtmp.Clients;

/// <summary>A client connection could not be made or has ended.</summary>
public sealed class RtmpException(Reason reason, Exception? inner = null) : Exception(reason.ToString(), inner)
{
    public Reason Reason { get; } = reason;
}
