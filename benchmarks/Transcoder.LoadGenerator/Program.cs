using System.Globalization;
using Transcoder.LoadGenerator;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
const string Usage = """
    usage: Transcoder.LoadGenerator load rtmp://HOST:PORT/APP SERVER_PID FLV [OPTION...]
           Transcoder.LoadGenerator compare FLV NAME=PROGRAM... [OPTION...]      a PROGRAM called nginx runs the RTMP module, any other is transcoder
    options: --players N[,N...] (100,500)   --publishers N (1)   --bitrate BITS (2500000)   --seconds S (15)   --runs N (1)
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

LoadPlan PlanOf(string file, int players) => new(
    file, double.Parse(options.GetValueOrDefault("--bitrate", "2500000")), int.Parse(options.GetValueOrDefault("--publishers", "1")), players,
    TimeSpan.FromSeconds(double.Parse(options.GetValueOrDefault("--seconds", "15"))));

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, interrupt) =>
{
    interrupt.Cancel = true;
    stop.Cancel();
};
var loads = options.GetValueOrDefault("--players", "100,500").Split(',').Select(int.Parse).ToArray();
switch (words)
{
    case ["load", var application, var processId, var file]:
        var table = new ResultTable(Console.Out);
        foreach (var players in loads)
        {
            table.Add("server", await LoadRun.RunAsync(PlanOf(file, players), application, new ProcessFigures(int.Parse(processId)), stop.Token));
        }

        return 0;
    case ["compare", var file, .. { Count: > 0 } servers]:
        await CompareAsync(file, servers);
        return 0;
    default:
        Console.Error.WriteLine(Usage);
        return 2;
}

// Side by side: each load goes to every server before the next one does, so that what else the machine does meets all of them.
async Task CompareAsync(string file, IReadOnlyList<string> servers)
{
    var table = new ResultTable(Console.Out);
    for (var run = 0; run < int.Parse(options.GetValueOrDefault("--runs", "1")); run++)
    {
        foreach (var players in loads)
        {
            foreach (var server in servers)
            {
                var parts = server.Split('=', 2);
                await using var process = Path.GetFileName(parts[1]) == "nginx"
                    ? await ServerProcess.NginxAsync(parts[0], parts[1])
                    : await ServerProcess.TranscoderAsync(parts[0], parts[1]);
                table.Add(process.Name, await LoadRun.RunAsync(PlanOf(file, players), process.Application, process.Figures, stop.Token));
            }
        }
    }

    table.PrintRatios(servers[^1].Split('=')[0]);
}
