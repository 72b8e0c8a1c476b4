using System.Collections.Concurrent;
using System.Net;
using System.Text;

namespace Transcoder.Testing.Http;

/// <summary>Answers HTTP requests as the test says, without a network, and remembers them.</summary>
public sealed class FakeHttp : HttpMessageHandler
{
    public ConcurrentQueue<(Uri Address, string Body, string? Signature)> Requests { get; } = new();

    /// <summary>One for each request.</summary>
    public ConcurrentQueue<string?> Authorizations { get; } = new();

    /// <summary>Gets the number of the request, from 1.</summary>
    public Func<int, CancellationToken, Task<HttpResponseMessage>> Answer { get; set; } = (_, _) => Say(HttpStatusCode.OK);

    public static Task<HttpResponseMessage> Say(HttpStatusCode status, string body = "") =>
        Task.FromResult(new HttpResponseMessage(status) { Content = new StringContent(body, Encoding.UTF8) });

    public static async Task<HttpResponseMessage> NeverAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.Infinite, cancellationToken);
        throw new InvalidOperationException();
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
        Authorizations.Enqueue(request.Headers.Authorization?.ToString());
        Requests.Enqueue((request.RequestUri!, body, request.Headers.TryGetValues("X-Transcoder-Signature", out var values) ? values.Single() : null));
        return await Answer(Requests.Count, cancellationToken);
    }
}
