namespace Transcoder.Rtmp;

/// <summary>How soon a connection's bytes are fetched: found among the connection's features, where it can be chosen. The session says it before it reads.</summary>
public interface IConnectionPace
{
    /// <summary>What arrives may lie for some hundredths of a second, to be fetched together: nobody waits for it.</summary>
    bool MayLie { set; }
}
