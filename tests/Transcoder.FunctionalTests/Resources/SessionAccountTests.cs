using Transcoder.FunctionalTests.Appliance;
using Transcoder.Testing.SimulatedGpus;
using Xunit;

namespace Transcoder.FunctionalTests.Resources;

/// <summary>Streams start, stop, crash and lose their cards by chance; after each step the driver has the sessions that are leased, no more and no fewer.</summary>
public sealed class SessionAccountTests(ITestOutputHelper output)
{
    private const int Steps = 50;

    [Theory]
    [InlineData(20261122)]
    public async Task The_drivers_sessions_are_the_leases_after_each_of_fifty_steps(int seed)
    {
        await using var gpus = await GpuAppliance.StartAsync(2, [GpuAppliance.Rung("160p", 160), GpuAppliance.Rung("120p", 120)], prepare: machine =>
        {
            machine.Configure(("coder", "skip"));
            machine.LimitSessions(7, error: 21);
        });
        var clip = await Clips.TinyAsync();
        var random = new Random(seed);
        var publishers = new Dictionary<string, ChildProcess>();
        try
        {
            for (var step = 0; step < Steps; step++)
            {
                var what = await StepAsync(gpus, clip, random, publishers, step);
                output.WriteLine($"{step}: {what}");
                await SettledAsync(gpus, publishers.Keys, what);
                await gpus.SessionsMatchAsync($"step {step}: {what}");
            }

            gpus.Machine.Revive(0);
            gpus.Machine.Revive(1);
            await Task.WhenAll(publishers.Values.Select(publisher => publisher.DisposeAsync().AsTask()));
            publishers.Clear();
            await Polling.UntilAsync(() => gpus.Machine.State.Sessions.Count == 0, "the end of all sessions");
            await gpus.SessionsMatchAsync("at the end");
        }
        finally
        {
            await Task.WhenAll(publishers.Values.Select(publisher => publisher.DisposeAsync().AsTask()));
        }
    }

    private static async Task<string> StepAsync(GpuAppliance gpus, string clip, Random random, Dictionary<string, ChildProcess> publishers, int step)
    {
        var card = random.Next(2);
        var action = publishers.Count == 0 ? 0 : random.Next(publishers.Count < 4 ? 0 : 3, 12);
        switch (action)
        {
            case 0 or 1 or 2:
                var name = $"s{step}";
                publishers[name] = Publishing.Start(clip, gpus.Appliance.Url($"live/{name}"), loops: -1);
                return $"{name} starts";
            case 3:
                var ended = publishers.Keys.ElementAt(random.Next(publishers.Count));
                var publisher = publishers[ended];
                publishers.Remove(ended);
                await publisher.StopAsync();
                await publisher.DisposeAsync();
                await Polling.UntilAsync(async () => await gpus.Appliance.FindAsync("live", ended) is null, $"the end of {ended}");
                return $"{ended} ends";
            case 4:
                var struck = publishers.Keys.ElementAt(random.Next(publishers.Count));
                if (await gpus.Appliance.FindAsync("live", struck) is { Transcoder.WorkerProcessId: not 0 and var worker } && ProcessTable.IsAlive(worker))
                {
                    ChildProcess.Send(worker, ChildProcess.SigKill);
                }

                return $"the worker of {struck} is killed";
            case 5:
                gpus.Machine.BreakOpenSessions(card);
                return $"the sessions on card {card} break";
            case 6:
                gpus.Machine.FailOpen(card, times: 1);
                return $"card {card} will refuse once";
            case 7:
                gpus.Machine.Lose(card);
                await Task.Delay(300);
                gpus.Machine.Revive(card);
                return $"card {card} is lost for a moment";
            case 8:
                var hanging = gpus.Machine.State.SessionsOf(card).Select(session => session.Serial).ToArray();
                gpus.Machine.Hang(card, onlyOpenSessions: true);
                await Polling.UntilAsync(() => !gpus.Machine.State.Sessions.Any(session => hanging.Contains(session.Serial)), "the end of what hangs");
                gpus.Machine.Configure(($"gpu{card}.hang", null));
                return $"the sessions on card {card} hang";
            case 9:
                // Too slow for one rendition, until a later step.
                gpus.Machine.SetSpeed(card, random.Next(2) == 0 ? 0.3 : 1000);
                return $"card {card} becomes slow, or fast";
            case 10:
                var full = random.Next(2) == 0;
                gpus.Machine.FillMemory(card, full);
                return $"the memory of card {card} is {(full ? "full" : "free")}";
            default:
                var foreign = random.Next(4);
                gpus.Machine.SetForeignSessions(card, foreign);
                return $"another program has {foreign} sessions on card {card}";
        }
    }

    /// <summary>No rendition is on its way.</summary>
    private static Task SettledAsync(GpuAppliance gpus, IEnumerable<string> streams, string what) => Polling.UntilAsync(
        async () =>
        {
            foreach (var stream in streams)
            {
                if (await gpus.Appliance.FindAsync("live", stream) is not { Renditions.Count: > 0 } source || source.Renditions.Any(r => r.State == "starting"))
                {
                    return false;
                }
            }

            return (await gpus.SessionsAsync()).All(session => session.State == "open");
        },
        $"rest after: {what}",
        () => string.Join('\n', gpus.Appliance.Log.TakeLast(40)));
}
