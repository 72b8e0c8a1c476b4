using Transcoder.Media.Jobs;
using Transcoder.Streams.Resources;

namespace Transcoder.Benchmarks.Streams.Placing;

/// <summary>
/// 1,000 streams arrive and leave on 100 cards, cards are lost and come back, and every way to place them meets the same events. One yardstick measures all: the
/// queueing model of <see cref="EngineQueue"/>, over the places that each chose. Deterministic but for the times.
/// </summary>
internal static class PlacementSimulation
{
    private const int Streams = 1000;
    private const int Events = 6000;
    private const int MeasureEach = 25;
    private const int LossEach = 400;
    private const int LossLasts = 150;

    /// <summary>For one ladder. The median counts: a machine that does other things at times doesn't fail it.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromMilliseconds(1);

    /// <returns>0, or 1 where placing a ladder takes too long.</returns>
    public static int Run(TextWriter output)
    {
        var probe = Cluster.Probe();
        var state = Cluster.State(probe);
        var devices = probe.Devices.Select(report => Calibrated(report, state)).ToArray();
        var managed = new ManagedPlacer(probe, state, Cluster.Policy);
        IPlacer[] placers =
        [
            managed,
            new RulePlacer("first fit", devices, (index, _, _) => index),
            new RulePlacer("round robin", devices, (index, _, turn) => (index - turn + 100) % 100),
            new RulePlacer("least sessions", devices, (_, sessions, _) => sessions),
            new RulePlacer("round robin, no ledger", devices, (index, _, turn) => (index - turn + 100) % 100, blind: true),
            new RulePlacer("least sessions, no ledger", devices, (_, sessions, _) => sessions, blind: true),
        ];

        output.WriteLine($"{Streams} streams on {devices.Length} cards, {Events} arrivals and departures, a card lost every {LossEach} and back after {LossLasts}");
        output.WriteLine("placement                  frame delay ms (mean / worst 1 %)   frames lost  renditions refused  rungs apart from their decoder  migrations");
        foreach (var placer in placers)
        {
            var yardstick = new Yardstick(devices);
            Play(placer, devices, yardstick);
            output.WriteLine(
                $"{placer.Name,-26} {yardstick.MeanDelay * 1000,16:0.00} / {yardstick.WorstDelay * 1000,-14:0.00} {yardstick.Lost,12:0.000%} {yardstick.Refused,19:0.00%} {yardstick.Apart,31:0.0%} {placer.Migrations,11}");
        }

        // The first thousand are the way up to the full load, and the compiler's.
        output.WriteLine();
        return Judge("time", managed.Times) | Judge("processor time", managed.ProcessorTimes);

        int Judge(string what, List<TimeSpan> all)
        {
            var times = all.Skip(Streams).Order().ToArray();
            var median = times[times.Length / 2];
            output.WriteLine($"{what} to place one ladder, decoder and rungs, of {times.Length}: median {median.TotalMicroseconds:0} us, 99 % {times[times.Length * 99 / 100].TotalMicroseconds:0} us, 99.9 % {times[times.Length * 999 / 1000].TotalMicroseconds:0} us");
            if (median < Bound)
            {
                return 0;
            }

            output.WriteLine($"FAILED: the median {what} is not under {Bound.TotalMilliseconds:0} ms");
            return 1;
        }
    }

    private static void Play(IPlacer placer, DeviceState[] devices, Yardstick yardstick)
    {
        var random = new Random(7);
        var running = new List<(int Stream, VideoEncoderSettings[] Ladder)>();
        var lost = new Queue<(string Device, int Until)>();
        for (var step = 0; step < Events + Streams; step++)
        {
            // Up to the full load, and then as many leave as come.
            if (running.Count < Streams && (step < Streams || random.Next(2) == 0))
            {
                var ladder = Cluster.Ladder(random);
                placer.Arrive(step, ladder);
                running.Add((step, ladder));
            }
            else
            {
                var leaving = random.Next(running.Count);
                placer.Leave(running[leaving].Stream);
                running[leaving] = running[^1];
                running.RemoveAt(running.Count - 1);
            }

            if (step % LossEach == LossEach - 1)
            {
                var device = devices[random.Next(devices.Length)].Id;
                placer.Lose(device);
                lost.Enqueue((device, step + LossLasts));
            }

            if (lost.TryPeek(out var next) && next.Until <= step)
            {
                placer.Find(lost.Dequeue().Device);
            }

            placer.Tick();
            if (step >= Streams && step % MeasureEach == 0)
            {
                yardstick.Measure(running.Select(stream => (stream.Ladder, placer.Of(stream.Stream))));
            }
        }
    }

    private static DeviceState Calibrated(Transcoder.Media.Devices.DeviceReport report, ResourceState state)
    {
        var device = new DeviceState(report, 0);
        device.Calibrate(state.Calibrations[report.Id]);
        return device;
    }

    /// <summary>What the places mean for the frames.</summary>
    private sealed class Yardstick(DeviceState[] devices)
    {
        private readonly Dictionary<string, DeviceState> _devices = devices.ToDictionary(device => device.Id);
        private readonly List<double> _worst = [];
        private double _frames;
        private double _delay;
        private double _lost;
        private long _renditions;
        private long _refused;
        private long _apart;

        public double MeanDelay => _delay / _frames;

        /// <summary>The mean over the measurements of what one rendition in a hundred exceeds.</summary>
        public double WorstDelay => _worst.Average();

        public double Lost => _lost / _frames;

        public double Refused => _refused / (double)_renditions;

        public double Apart => _apart / (double)_renditions;

        public void Measure(IEnumerable<(VideoEncoderSettings[] Ladder, (string Decoder, string?[] Places) Where)> streams)
        {
            var all = streams.ToList();
            var loads = _devices.Keys.ToDictionary(id => id, _ => default(EngineLoad));
            foreach (var (ladder, where) in all)
            {
                for (var i = 0; i < ladder.Length; i++)
                {
                    if (where.Places[i] is { } place)
                    {
                        loads[place] += _devices[place].EncodeLoad(ladder[i]);
                    }
                }
            }

            var delays = new List<double>();
            foreach (var (ladder, where) in all)
            {
                // A frame of one rung that is copied elsewhere holds up all of them.
                var copies = Enumerable.Range(0, ladder.Length).Where(i => where.Places[i] is { } place && place != where.Decoder).Sum(i => Placement.TransferCost(2, ladder[i].Width * (double)ladder[i].Height, 1, 1));
                for (var i = 0; i < ladder.Length; i++)
                {
                    _renditions++;
                    if (where.Places[i] is not { } place)
                    {
                        _refused++;
                        continue;
                    }

                    var engine = _devices[place].Encode!;
                    var load = _devices[place].EncodeLoad(ladder[i]);
                    var delay = EngineQueue.Wait(loads[place], engine.Capacity) + (load.Work / load.Rate / engine.Capacity) + copies;
                    _apart += place == where.Decoder ? 0 : 1;
                    _frames += load.Rate;
                    _delay += delay * load.Rate;
                    _lost += EngineQueue.Loss(loads[place], engine.Capacity) * load.Rate;
                    delays.Add(delay);
                }
            }

            delays.Sort();
            _worst.Add(delays[delays.Count * 99 / 100]);
        }
    }
}
