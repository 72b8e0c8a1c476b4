namespace Transcoder.Rtmp;

/// <summary>
/// A connection's place in the house, which the front door gave it: found among the connection's features. The session says how far the client has come and
/// how much it sent.
/// </summary>
public interface IConnectionLease
{
    /// <summary>The RTMP handshake is complete: the client is half open no more.</summary>
    void HandshakeDone();

    /// <returns>How long to leave the socket unread, so that the address stays within its bandwidth.</returns>
    TimeSpan Received(long bytes);
}
