using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging.Console;
using Transcoder.Host.Api;
using Transcoder.Host.Configuration;
using Transcoder.Host.Serving.Access;
using Transcoder.Host.Serving.Connections;
using Transcoder.Host.Verbs;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Outputs.Push;
using Transcoder.Rtmp;
using Transcoder.Streams;
using Transcoder.Streams.Devices;
using Transcoder.Streams.Resources;
using Transcoder.Streams.Transcoding;
using Transcoder.Streams.Workers;

namespace Transcoder.Host.Serving;

/// <summary>The daemon, put together: what stands here is all that runs in the process that faces the network, and all of it is managed code.</summary>
internal static partial class Daemon
{
    public static async Task<int> RunAsync(TranscoderOptions options, TextWriter errors)
    {
        await using var app = Build(options);
        var log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Transcoder.Host.Daemon");
        FrontDoor door;
        try
        {
            door = app.Services.GetRequiredService<FrontDoor>();
        }
        catch (StartException e)
        {
            await errors.WriteLineAsync($"transcoder serve: {e.Message}");
            return ExitCode.Usage;
        }

        MapEndpoints(app);

        // Made before the ports open, so that the first stream finds a warm worker and every stream its transcoder.
        var transcoders = app.Services.GetRequiredService<TranscoderSupervisor>();
        var pushes = app.Services.GetRequiredService<PushOutput>();
        try
        {
            await app.StartAsync();
        }
        catch (IOException e)
        {
            await errors.WriteLineAsync($"transcoder serve: {e.Message} — is another server running? The addresses are server.rtmp.listen, server.rtmps.listen and server.http.listen.");
            return ExitCode.Failure;
        }

        var addresses = BoundAddresses(app);
        LogStarted(log, CommandLine.Version, addresses[1], addresses[0], addresses.Count > 2 ? $", RTMPS on rtmps://{addresses[2]}" : "");
        await Task.Delay(Timeout.Infinite, app.Lifetime.ApplicationStopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        LogStopping(log, options.Server.ShutdownTimeout.TotalSeconds);
        using var deadline = new CancellationTokenSource(options.Server.ShutdownTimeout);

        // Before anything ends: who understands it goes elsewhere at a keyframe, and loses nothing.
        var registry = app.Services.GetRequiredService<StreamRegistry>();
        registry.Drain();
        using (var drain = new CancellationTokenSource(Policies.DrainTime(options.Server)))
        {
            await app.Services.GetRequiredService<RtmpConnectionHandler>().DrainAsync(options.Server.Rtmp.ReconnectTo, drain.Token);
        }

        registry.Shutdown();
        await transcoders.DrainAsync(deadline.Token);
        await pushes.DrainAsync(deadline.Token);
        app.Services.GetRequiredService<RtmpConnectionHandler>().EndAll(new Reason(Reasons.Shutdown, "the appliance stops"));
        await app.StopAsync(deadline.Token);
        await door.Access.DrainAsync(deadline.Token);
        LogStopped(log);
        return ExitCode.Success;
    }

    private static WebApplication Build(TranscoderOptions options)
    {
        // One file configures the appliance: no appsettings.json that happens to lie in the working directory, and no watch over it.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            ContentRootPath = AppContext.BaseDirectory,
            Args = ["--hostBuilder:reloadConfigOnChange=false"],
        });
        ConfigureLogging(builder.Logging, options.Log);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(options.Server.Http.Listen);
            kestrel.Listen(new GuardedEndPoint(options.Server.Rtmp.Listen, isPlain: true), rtmp => rtmp.UseConnectionHandler<RtmpConnectionHandler>());
            if (options.Server.Rtmps is { } secure)
            {
                kestrel.Listen(new GuardedEndPoint(secure.Listen, isPlain: false), rtmps =>
                {
                    var tls = rtmps.ApplicationServices.GetRequiredService<FrontDoor>().Tls!;
                    rtmps.Use(next => connection => tls.OnConnectedAsync(connection, next));
                    rtmps.UseConnectionHandler<RtmpConnectionHandler>();
                });
            }
        });

        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.Server.ShutdownTimeout);
        builder.Services.AddSystemd();
        AddHouse(builder.Services, options);
        return builder.Build();
    }

    /// <summary>Where the ports really are: a configured port 0 means any free one. In the order in which they were configured above.</summary>
    private static IReadOnlyList<string> BoundAddresses(WebApplication app) =>
        [.. app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Select(address => new Uri(address).Authority)];

    private static void AddHouse(IServiceCollection services, TranscoderOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<MediaBufferPool>();
        services.AddSingleton(provider => new FrontDoor(options, TimeProvider.System, provider.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton<IConnectionListenerFactory>(provider => new GuardedTransport(provider.GetRequiredService<FrontDoor>().Gate, provider.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton(provider => provider.GetRequiredService<FrontDoor>().Access);
        services.AddSingleton(provider => new StreamRegistry(
            Policies.OfApps(options).GetValueOrDefault, provider.GetRequiredService<AccessAuthorizer>(), TimeProvider.System, provider.GetRequiredService<ILogger<StreamRegistry>>()));
        services.AddSingleton(Policies.Of(options.Workers));
        services.AddSingleton<IWorkerLauncher>(provider => new WorkerProcessLauncher(
            Environment.ProcessPath!, CommandLine.Version, provider.GetRequiredService<WorkerPolicy>(), TimeProvider.System, provider.GetRequiredService<ILogger<WorkerProcessLauncher>>()));
        services.AddSingleton<WorkerPool>();
        services.AddSingleton(provider => new ResourceManager(
            Policies.Of(options.Encoders),
            Environment.ProcessorCount,
            TimeProvider.System,
            provider.GetRequiredService<ILogger<ResourceManager>>(),
            LearnedState.Load(options.Encoders, provider.GetRequiredService<ILogger<LearnedState>>())));
        services.AddSingleton(options.Encoders);
        services.AddHostedService<LearnedState>();
        services.AddSingleton<IDeviceProgram>(new DeviceProcesses(Environment.ProcessPath!, TimeProvider.System));
        services.AddSingleton<DeviceWatch>();
        services.AddSingleton(provider => new TranscoderSupervisor(
            provider.GetRequiredService<StreamRegistry>(),
            provider.GetRequiredService<WorkerPool>(),
            provider.GetRequiredService<ResourceManager>(),
            provider.GetRequiredService<DeviceWatch>().Ready,
            provider.GetRequiredService<MediaBufferPool>(),
            TimeProvider.System,
            provider.GetRequiredService<ILogger<TranscoderSupervisor>>()));
        services.AddSingleton(Policies.PushTargets(options));
        services.AddSingleton<PushOutput>();
        services.AddSingleton<IRtmpApplication, RtmpApplication>();
        services.AddSingleton(Policies.RtmpOf(options));
        services.AddSingleton<RtmpStatistics>();
        services.AddSingleton<RtmpConnectionHandler>();
        services.AddSingleton(provider => new MetricsExport(
            provider.GetRequiredService<StreamRegistry>(),
            provider.GetRequiredService<TranscoderSupervisor>(),
            provider.GetRequiredService<WorkerPool>(),
            provider.GetRequiredService<PushOutput>(),
            provider.GetRequiredService<RtmpStatistics>(),
            provider.GetRequiredService<MediaBufferPool>(),
            provider.GetRequiredService<ResourceManager>(),
            provider.GetRequiredService<DeviceWatch>(),
            CommandLine.Version,
            provider.GetRequiredService<FrontDoor>()));
    }

    private static void MapEndpoints(WebApplication app)
    {
        app.MapGet("/healthz", () => Results.Text("ok\n"));
        app.MapGet("/readyz", (WorkerPool workers, StreamRegistry registry) =>
            registry.IsClosing ? Results.Text("not ready: the appliance stops\n", statusCode: (int)HttpStatusCode.ServiceUnavailable)
            : workers.IsHealthy ? Results.Text("ready\n") : Results.Text($"not ready: {workers.LastFailure}\n", statusCode: (int)HttpStatusCode.ServiceUnavailable));
        app.MapGet("/api/v1/streams", (StreamRegistry registry, TranscoderSupervisor transcoders, WorkerPool workers, PushOutput pushes, DeviceWatch watch) =>
            StreamViews.All(registry, transcoders, workers, pushes, watch));
        app.MapGet("/api/v1/devices", (ResourceManager resources, DeviceWatch watch) => DeviceViews.All(resources, watch));
        app.MapGet("/api/v1/sessions", (ResourceManager resources) => DeviceViews.Leases(resources));
        app.MapPost("/api/v1/plan", (PlanQuestion question, TranscoderOptions options, ResourceManager resources) =>
        {
            var (view, problem) = PlanViews.Answer(question, options, resources);
            return view is null ? Results.Text(problem + "\n", statusCode: (int)HttpStatusCode.BadRequest) : Results.Ok(view);
        });
        app.MapGet("/metrics", async (HttpContext context, MetricsExport metrics) =>
        {
            context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
            await metrics.WriteAsync(context.Response.Body, context.RequestAborted);
        });
    }

    private static void ConfigureLogging(ILoggingBuilder logging, LogOptions options)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(options.Level);
        logging.AddFilter("Microsoft", LogLevel.Warning);

        // A start that fails is told in one sentence by the verb, not by a stack trace.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        if (SystemdHelpers.IsSystemdService())
        {
            logging.AddSystemdConsole();
        }
        else
        {
            logging.AddSimpleConsole(console =>
            {
                console.SingleLine = true;
                console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
                console.UseUtcTimestamp = true;
                console.ColorBehavior = LoggerColorBehavior.Disabled;
            });
        }
    }

    [LoggerMessage(100, LogLevel.Information, "transcoder {Version} is running: RTMP on rtmp://{Rtmp}, API and metrics on http://{Http}{Rtmps}")]
    private static partial void LogStarted(ILogger log, string version, string rtmp, string http, string rtmps);

    [LoggerMessage(101, LogLevel.Information, "stopping: streams have {Seconds} s to end in order")]
    private static partial void LogStopping(ILogger log, double seconds);

    [LoggerMessage(102, LogLevel.Information, "stopped")]
    private static partial void LogStopped(ILogger log);
}
