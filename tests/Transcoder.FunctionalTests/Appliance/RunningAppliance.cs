using System.Globalization;
using System.Net.Http.Json;
using System.Text.RegularExpressions;
using Transcoder.Testing;

namespace Transcoder.FunctionalTests.Appliance;

/// <summary>
/// The real daemon with real workers, on ports of its own. It is judged from outside: by its log, its API, its metrics, the process table and clients.
/// Disposing kills it and everything that it started.
/// </summary>
internal sealed partial class RunningAppliance : IAsyncDisposable
{
    private readonly ChildProcess _daemon;
    private readonly HttpClient _http = new();
    private readonly string _folder;

    private RunningAppliance(ChildProcess daemon, string folder)
    {
        _daemon = daemon;
        _folder = folder;
    }

    public int RtmpPort { get; private set; }

    /// <summary>0 where the configuration has no such port.</summary>
    public int RtmpsPort { get; private set; }

    public int ProcessId => _daemon.Id;

    public IReadOnlyList<string> Log => _daemon.Lines;

    public static string Program => Repository.PathOf("artifacts/transcoder/transcoder");

    /// <param name="configuration">YAML without the server part.</param>
    /// <param name="port">For RTMP; 0: any free one.</param>
    /// <param name="environment">For example a simulated machine's; workers inherit it.</param>
    /// <param name="server">More keys of the server part, each on a line of its own; those of its part rtmp begin with "rtmp.".</param>
    public static async Task<RunningAppliance> StartAsync(string configuration, int port = 0, IReadOnlyDictionary<string, string>? environment = null, params string[] server)
    {
        RequireProgram();
        var folder = Directory.CreateTempSubdirectory("transcoder-test-").FullName;
        var file = Path.Combine(folder, "transcoder.yaml");
        var rtmp = server.ToLookup(line => line.StartsWith("rtmp.", StringComparison.Ordinal));
        await File.WriteAllTextAsync(
            file,
            $"server:\n  rtmp: {{ listen: \"127.0.0.1:{port}\", max_connections: 20000{string.Concat(rtmp[true].Select(line => $", {line["rtmp.".Length..]}"))} }}\n" +
            $"  http: {{ listen: \"127.0.0.1:0\" }}\n{string.Concat(rtmp[false].Select(line => $"  {line}\n"))}{configuration}");
        var appliance = new RunningAppliance(ChildProcess.Start(Program, environment, "serve", "--config", file), folder);
        try
        {
            await appliance.BecomeReadyAsync();
            return appliance;
        }
        catch
        {
            await appliance.DisposeAsync();
            throw;
        }
    }

    public static void RequireProgram()
    {
        if (!File.Exists(Program))
        {
            throw new FileNotFoundException($"{Program} is missing; `make build` makes it");
        }
    }

    public string Url(string path) => $"rtmp://127.0.0.1:{RtmpPort}/{path}";

    public string SecureUrl(string path) => $"rtmps://127.0.0.1:{RtmpsPort}/{path}";

    public Task<string> GetTextAsync(string path) => _http.GetStringAsync(path);

    public async Task<StreamList> StreamsAsync() => (await _http.GetFromJsonAsync<StreamList>("api/v1/streams"))!;

    public async Task<SourceFacts?> FindAsync(string app, string stream) => (await StreamsAsync()).Streams.SingleOrDefault(s => s.App == app && s.Stream == stream);

    /// <summary>Waits until the source's facts are as asked.</summary>
    public async Task<SourceFacts> SourceAsync(string app, string stream, Func<SourceFacts, bool> condition, string what)
    {
        SourceFacts? facts = null;
        await Polling.UntilAsync(
            async () => (facts = await FindAsync(app, stream)) is not null && condition(facts),
            $"{app}/{stream} {what}",
            () => $"it was {facts}, {string.Join(", ", facts?.Renditions ?? [])}\n{Tail()}");
        return facts!;
    }

    public Task<SourceFacts> RunningAsync(string app, string stream) =>
        SourceAsync(app, stream, s => s is { Renditions.Count: > 0, Transcoder.WorkerProcessId: not 0 } && s.Renditions.All(r => r.State != "starting" && (r.State != "running" || r.Media is { VideoPackets: > 0 } or { AudioPackets: > 0 })), "with running renditions");

    /// <summary>The sum of a metric's series whose text holds every one of <paramref name="labels"/>.</summary>
    public async Task<double> MetricAsync(string name, params string[] labels)
    {
        var text = await _http.GetStringAsync("metrics");
        return text.Split('\n')
            .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line.Length > name.Length && line[name.Length] is ' ' or '{' && labels.All(label => line.Contains(label, StringComparison.Ordinal)))
            .Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
    }

    /// <summary>What a path of the API answers.</summary>
    public Task<string> GetAsync(string path) => _http.GetStringAsync(path);

    public Task<HttpResponseMessage> PostAsync(string path, string json) => _http.PostAsync(path, new StringContent(json, System.Text.Encoding.UTF8, "application/json"));

    /// <summary>What a verb prints that asks this daemon.</summary>
    public async Task<string> RunVerbAsync(string verb, params string[] arguments)
    {
        // The daemon chose its port itself; the verb reads it from the configuration.
        var file = Path.Combine(_folder, "asking.yaml");
        var configuration = await File.ReadAllTextAsync(Path.Combine(_folder, "transcoder.yaml"));
        await File.WriteAllTextAsync(file, configuration.Replace("http: { listen: \"127.0.0.1:0\" }", $"http: {{ listen: \"{_http.BaseAddress!.Authority}\" }}", StringComparison.Ordinal));
        return await ChildProcess.RunAsync(Program, [verb, .. arguments, "--config", file]);
    }

    public IReadOnlyList<string> LogLines(params string[] parts) => [.. Log.Where(line => parts.All(part => line.Contains(part, StringComparison.Ordinal)))];

    /// <summary>Waits for a line that holds every part.</summary>
    public async Task<string> LogLineAsync(params string[] parts)
    {
        await Polling.UntilAsync(() => LogLines(parts).Count > 0, $"a log line with \"{string.Join("\" and \"", parts)}\"", Tail);
        return LogLines(parts)[0];
    }

    /// <summary>As an operator does with Ctrl-C.</summary>
    public void Stop() => _daemon.Signal(ChildProcess.SigInt);

    public void Kill() => _daemon.Signal(ChildProcess.SigKill);

    public Task ExitAsync() => _daemon.ExitAsync();

    public async ValueTask DisposeAsync()
    {
        var started = ProcessTable.Descendants(ProcessId);
        await _daemon.DisposeAsync();
        foreach (var child in started.Where(ProcessTable.IsAlive))
        {
            try
            {
                ChildProcess.Send(child, ChildProcess.SigKill);
            }
            catch (InvalidOperationException)
            {
                // It went on its own, as it should.
            }
        }

        _http.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [GeneratedRegex(@"is running: RTMP on rtmp://127\.0\.0\.1:(\d+), API and metrics on (http://127\.0\.0\.1:\d+)(?:, RTMPS on rtmps://127\.0\.0\.1:(\d+))?")]
    private static partial Regex RunningLine { get; }

    private async Task BecomeReadyAsync()
    {
        Match? running = null;
        await Polling.UntilAsync(
            () => _daemon.HasExited || (running = Log.Select(line => RunningLine.Match(line)).FirstOrDefault(match => match.Success)) is not null,
            "the daemon's first line",
            Tail);
        if (running is null)
        {
            throw new InvalidOperationException($"the daemon ended with {_daemon.ExitCode}:\n{Tail()}");
        }

        RtmpPort = int.Parse(running.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        RtmpsPort = running.Groups[3].Success ? int.Parse(running.Groups[3].ValueSpan, CultureInfo.InvariantCulture) : 0;
        _http.BaseAddress = new Uri(running.Groups[2].Value);
        await Polling.UntilAsync(async () => (await StreamsAsync()).Workers.Idle > 0, "a warm worker", Tail);
    }

    private string Tail() => string.Join('\n', Log.TakeLast(40));
}
