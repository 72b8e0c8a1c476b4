using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Transcoder.FunctionalTests.Appliance;

/// <summary>The operator's program that is asked by hooks: it answers by the stream's name and remembers what it was told.</summary>
internal sealed class HookServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private HookServer(WebApplication app) => _app = app;

    public ConcurrentQueue<JsonElement> Events { get; } = new();

    public string Url => _app.Urls.Single();

    public static async Task<HookServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var server = new HookServer(builder.Build());
        server._app.MapPost("/{**path}", (Delegate)server.AnswerAsync);
        await server._app.StartAsync();
        return server;
    }

    public IEnumerable<JsonElement> Of(string what, string stream) =>
        Events.Where(e => e.GetProperty("event").GetString() == what && e.GetProperty("stream").GetString() == stream);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task<IResult> AnswerAsync(HttpContext context)
    {
        var told = (await JsonDocument.ParseAsync(context.Request.Body)).RootElement;
        Events.Enqueue(told);
        switch (told.GetProperty("stream").GetString())
        {
            case "banned":
                return Results.Json(new { allow = false, reason = "not before Tuesday" });
            case "hanging":
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
                return Results.Ok();
            default:
                return Results.Ok();
        }
    }
}
