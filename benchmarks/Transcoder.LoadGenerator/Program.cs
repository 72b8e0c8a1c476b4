using System.Globalization;
using Transcoder.LoadGenerator;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
const string Usage = """
    usage: Transcoder.LoadGenerator load rtmp://HOST:PORT/APP SERVER_PID FLV [OPTION...]
           Transcoder.LoadGenerator compare FLV SERVER... [OPTION...]     the same load on each by turns, ratios against the last, and a verdict for each bound
           Transcoder.LoadGenerator stuck FLV SERVER... [OPTION...]       without and with one viewer that never reads
           Transcoder.LoadGenerator idle FLV SERVER... [OPTION...]        connections that do nothing, and players that wait for nothing
    SERVER:  NAME=PROGRAM; nginx runs its RTMP module, a .js file is node-media-server's, any other is transcoder, PROGRAM@throughput with that latency
    options: --players N[,N...] (100,500)   --publishers N (1)   --bitrate BITS (2500000)   --seconds S (16)   --warmup S (5)   --runs N (1)
             --connections N (5000)   --check yes (ffprobe reads along in each run)
             --judge yes (exit code 1 where a bound is missed)
    """;

var options = new Dictionary<string, string>(StringComparer.Ordinal);
var words = new List<string>();
for (var i = 0; i < args.Length; i++)
{
    if (args[i].StartsWith("--", StringComparison.Ordinal) && i + 1 < args.Length)
    {
        options[args[i]] = args[++i];
    }
    else
    {
        words.Add(args[i]);
    }
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, interrupt) =>
{
    interrupt.Cancel = true;
    stop.Cancel();
};
var players = Option("--players", "100,500").Split(',').Select(int.Parse).ToArray();
switch (words)
{
    case ["load", var application, var processId, var file]:
        var table = new ResultTable(Console.Out);
        var figures = new ProcessFigures(int.Parse(processId));
        foreach (var plan in Plans(file))
        {
            table.Add(new ServerProgram("server", application, ""), plan, (await SideBySide.MeasureAsync([(plan, application, figures)], stop.Token))[0]);
        }

        return 0;
    case ["compare", var file, .. { Count: > 0 } servers]:
        return await CompareAsync([.. Plans(file).Select(plan => new[] { plan })], servers);
    case ["stuck", var file, .. { Count: > 0 } servers]:
        return await CompareAsync([.. Plans(file).Select(plan => new[] { plan, plan with { Stuck = 1 } })], servers, patient: true);
    case ["idle", var file, .. { Count: > 0 } servers]:
        foreach (var server in servers)
        {
            await using var process = await ServerProcess.StartAsync(ServerProgram.Parse(server));
            await IdleConnections.MeasureAsync(Plans(file)[0], process, int.Parse(Option("--connections", "5000")), Console.Out, stop.Token);
        }

        return 0;
    default:
        Console.Error.WriteLine(Usage);
        return 2;
}

string Option(string name, string value) => options.GetValueOrDefault(name, value);

LoadPlan[] Plans(string file) => [.. players.Select(count => new LoadPlan(
    file, double.Parse(Option("--bitrate", "2500000")), int.Parse(Option("--publishers", "1")), count,
    TimeSpan.FromSeconds(double.Parse(Option("--seconds", "16"))), TimeSpan.FromSeconds(double.Parse(Option("--warmup", "5"))), Check: Option("--check", "no") == "yes"))];

// Each group of loads goes to all servers side by side, each load to a process of its own.
async Task<int> CompareAsync(LoadPlan[][] groups, IReadOnlyList<string> names, bool patient = false)
{
    var servers = names.Select(ServerProgram.Parse).ToArray();
    var table = new ResultTable(Console.Out);
    for (var run = 0; run < int.Parse(Option("--runs", "1")); run++)
    {
        foreach (var plans in groups)
        {
            var processes = new List<(ServerProgram Server, LoadPlan Plan, ServerProcess Process)>();
            try
            {
                foreach (var (plan, server) in plans.SelectMany(plan => servers.Select(server => (plan, server))))
                {
                    processes.Add((server, plan, await ServerProcess.StartAsync(server, patient)));
                }

                var results = await SideBySide.MeasureAsync([.. processes.Select(entry => (entry.Plan, entry.Process.Application, entry.Process.Figures))], stop.Token);
                foreach (var (entry, result) in processes.Zip(results))
                {
                    table.Add(entry.Server, entry.Plan, result);
                }
            }
            finally
            {
                foreach (var (server, _, process) in processes)
                {
                    try
                    {
                        await process.DisposeAsync();
                    }
                    catch (IOException failure)
                    {
                        // The others are to be ended too.
                        Console.Error.WriteLine($"{server.Name} left something behind: {failure.Message}");
                    }
                }
            }
        }
    }

    table.PrintSummary(servers[^1].Name);
    return table.PrintVerdicts() || Option("--judge", "no") != "yes" ? 0 : 1;
}
