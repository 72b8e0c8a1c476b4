using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Transcoder.Media;

namespace Transcoder.Host.Serving.Connections;

/// <summary>TLS between the socket and the RTMP session. What is no TLS is told so in the log, in words that name the mistake.</summary>
internal sealed class TlsFront(ServerCertificates certificates, TimeSpan handshakeTimeout, RefusalLedger refusals, TimeProvider clock)
{
    private const byte TlsHandshake = 0x16;

    // One TLS record each way.
    private const int RecordSize = 16 << 10;

    private static readonly StreamPipeReaderOptions Reading = new(bufferSize: RecordSize, minimumReadSize: RecordSize / 4, leaveOpen: true);
    private static readonly StreamPipeWriterOptions Writing = new(minimumBufferSize: RecordSize, leaveOpen: true);
    private static readonly TimeSpan Goodbye = TimeSpan.FromSeconds(2);

    public async Task OnConnectedAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var plain = connection.Transport;
        await using var tls = new SslStream(new DuplexPipeStream(plain), leaveInnerStreamOpen: true);
        if (await HandshakeAsync(plain, tls) is { } refusal)
        {
            refusals.Refused(refusal, (connection.RemoteEndPoint as IPEndPoint)?.Address);
            return;
        }

        // Without the socket the session can't write past us.
        connection.Features.Set<IConnectionSocketFeature>(null);
        connection.Transport = new Secured(PipeReader.Create(tls, Reading), PipeWriter.Create(tls, Writing));
        try
        {
            await next(connection);
            await SayGoodbyeAsync(tls);
        }
        finally
        {
            connection.Transport = plain;
        }
    }

    private async Task SayGoodbyeAsync(SslStream tls)
    {
        try
        {
            await tls.ShutdownAsync().WaitAsync(Goodbye, clock);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException or TimeoutException)
        {
            // The peer has gone without waiting for it, as most do.
        }
    }

    private async Task<Reason?> HandshakeAsync(IDuplexPipe plain, SslStream tls)
    {
        using var deadline = new CancellationTokenSource(handshakeTimeout, clock);
        try
        {
            var begin = await plain.Input.ReadAsync(deadline.Token);
            if (begin.Buffer.IsEmpty)
            {
                return new Reason(Reasons.ClientClosed, "the client left before it began a TLS handshake");
            }

            var first = begin.Buffer.FirstSpan.IsEmpty ? TlsHandshake : begin.Buffer.FirstSpan[0];
            plain.Input.AdvanceTo(begin.Buffer.Start);
            if (first != TlsHandshake)
            {
                return Recognise(first);
            }

            await tls.AuthenticateAsServerAsync((_, hello, _, _) => new(certificates.For(hello.ServerName)), null, deadline.Token);
            return null;
        }
        catch (OperationCanceledException)
        {
            return new Reason(Reasons.HandshakeTimeout, $"no complete TLS handshake in {handshakeTimeout.TotalSeconds:0} s");
        }
        catch (NotSupportedException)
        {
            // What the platform says is about a certificate, for which it never asked.
            return new Reason(Reasons.TlsFailed, "the TLS handshake failed: it does not begin with a ClientHello");
        }
        catch (Exception e) when (e is AuthenticationException or IOException or ConnectionAbortedException or InvalidOperationException)
        {
            return new Reason(Reasons.TlsFailed, $"the TLS handshake failed: {Words(e)}");
        }
    }

    private static Reason Recognise(byte first) => first switch
    {
        3 => new Reason(Reasons.RtmpOnTlsPort, "the client spoke plain RTMP to the RTMPS port; use rtmps://, or the port of rtmp://"),
        (byte)'G' or (byte)'P' or (byte)'H' or (byte)'O' or (byte)'D' or (byte)'C' =>
            new Reason(Reasons.HttpOnRtmpPort, "the client sent what looks like HTTP to the RTMPS port"),
        _ => new Reason(Reasons.TlsFailed, $"the first byte is 0x{first:X2}; TLS begins with 0x16"),
    };

    /// <summary>The innermost message names the alert that the client sent ("unknown ca": it does not trust the certificate).</summary>
    private static string Words(Exception e)
    {
        while (e.InnerException is { } inner)
        {
            e = inner;
        }

        return e.Message.ReplaceLineEndings(" ");
    }

    private sealed class Secured(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
