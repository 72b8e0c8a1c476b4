using Transcoder.Media.Jobs;
using Transcoder.Media.Workers;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Resources;
using Xunit;

namespace Transcoder.UnitTests.Streams.Resources;

/// <summary>500 random starts, stops, crashes and faults: what the driver has open is what the books say, at every step and at the end.</summary>
public sealed class LedgerPropertyTests
{
    private const int Steps = 500;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 40)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Sessions_open_equal_leases_held_at_every_step(int seed)
    {
        var run = new RandomRun(seed);
        for (var step = 0; step < Steps; step++)
        {
            var did = run.Step();
            run.Check($"seed {seed}, step {step}: {did}");
        }

        run.End();
        run.Check($"seed {seed}, after the end");
        Assert.Empty(run.Machine.Driver.Leases());
        Assert.Empty(run.Machine.Manager.Snapshot().Leases);
        Assert.All(run.Machine.Manager.Snapshot().Devices, device =>
        {
            Assert.Equal(0, device.OurSessions);
            Assert.Equal(0, device.Encode!.OurLoad, 1e-3);
            Assert.Equal(0, device.Decode!.OurLoad, 1e-3);
            Assert.Equal(device.ForeignSessions, device.Report.Consumer ? device.ForeignSessions : device.GroupSessions);
        });
    }

    private sealed class RandomRun
    {
        private static readonly VideoEncoderSettings[][] Ladders =
        [
            Machine.Hd,
            [Machine.Rung(1280, 720), Machine.Rung(1280, 720), Machine.Rung(640, 360)],
            [Machine.Rung(3840, 2160, 60, "quality"), Machine.Rung(1920, 1080, 60)],
            [Machine.Rung(640, 360)],
        ];

        private readonly Random _random;
        private readonly List<ModelWorker> _workers = [];
        private int _streams;

        public RandomRun(int seed)
        {
            _random = new Random(seed);
            var driver = new ModelDriver { Cap = _random.Next(2) == 0 ? _random.Next(2, 9) : null };
            for (var i = 0; i < _random.Next(1, 5); i++)
            {
                driver.Gpu($"gpu-{i}", consumer: _random.Next(3) > 0, kind: _random.Next(4) == 0 ? "vaapi" : "nvenc");
            }

            Machine = new Machine(driver, Machine.HardwareFirst with { Fallback = (FallbackPolicy)_random.Next(3), CpuBudget = _random.Next(2) == 0 ? 6 : null });
        }

        public Machine Machine { get; }

        public string Step()
        {
            switch (_random.Next(20))
            {
                case < 4 when _workers.Count < 12:
                    return Start();
                case < 10:
                    return Mail();
                case 10 when _workers.Count > 0:
                    var ended = Any();
                    ended.Die();
                    _workers.Remove(ended);
                    return "a worker dies";
                case 11 when Running() is var (stopping, number):
                    stopping.Stop(number);
                    return "a rendition stops";
                case 12 when Running() is var (failing, number):
                    failing.Fail(number, LeaseOutcome.EncoderFailed);
                    return "an encoder fails";
                case 13 when Running() is var (hanging, number):
                    hanging.Fail(number, LeaseOutcome.Hung);
                    return "an encoder hangs";
                case 14 when Running() is var (strained, number):
                    strained.Strain(number, 1 + _random.NextDouble());
                    return "an encoder is slow";
                case 15:
                    return Fault();
                case 16:
                    Machine.Sample();
                    return "a sample";
                case 17:
                    Machine.Driver.AddForeign(Machine.Driver.Devices.First(), 50_000 + _random.Next(3));
                    return "a foreign session";
                case 18:
                    Machine.Driver.RemoveForeign();
                    return "no foreign sessions";
                default:
                    Machine.Clock.Advance(TimeSpan.FromMilliseconds(_random.Next(100, 4_000)));
                    Machine.Manager.Tick();
                    return "time passes";
            }
        }

        /// <summary>The books and the driver, and what a worker was told and has.</summary>
        public void Check(string step)
        {
            var held = Machine.Manager.Snapshot().Leases;
            Assert.All(held, lease => Assert.True(Enum.IsDefined(lease.State), step));
            var open = held.Where(lease => lease.Opened is not null).Select(lease => lease.Id).ToList();
            Assert.True(open.SequenceEqual(Machine.Driver.Leases()), $"{step}: leases open {string.Join(",", open)}, sessions open {string.Join(",", Machine.Driver.Leases())}");
            Assert.All(Machine.Manager.Snapshot().Devices, device => Assert.True(device.OurSessions >= Machine.Driver.Leases(device.Report.Id).Count, step));
        }

        public void End()
        {
            Settle();
            foreach (var worker in _workers)
            {
                // Everything that was asked for is running or was refused, but for one that still waits for somebody's place.
                Machine.Clock.Advance(TimeSpan.FromSeconds(4));
                Machine.Manager.Tick();
                Settle();
            }

            Assert.All(_workers, worker => Assert.True(worker.Everything, worker.Stream));
            Check("settled");
            foreach (var worker in _workers)
            {
                worker.Die();
            }

            Machine.Driver.RemoveForeign();
            Machine.Sample();
        }

        private void Settle()
        {
            for (var round = 0; _workers.Exists(worker => worker.HasMail); round++)
            {
                if (round > 1_000)
                {
                    var lost = _workers.First(worker => worker.HasMail);
                    Assert.Fail($"{lost.Stream} is sent in circles: {string.Join("\n", lost.Grants.TakeLast(8))}");
                }

                foreach (var worker in _workers.ToArray())
                {
                    worker.Settle();
                }
            }
        }

        private string Start()
        {
            var priority = _random.Next(3);
            var worker = Machine.Worker($"live/{++_streams}", number => new LeaseTerms($"r{number}", priority + (number == 0 ? 1 : 0), _random.Next(4) == 0 ? FallbackPolicy.Forbid : null));
            _workers.Add(worker);
            var devices = Machine.Manager.Snapshot().Devices;
            var decoder = devices[_random.Next(devices.Count)].Report;
            worker.DecodesOn(new(decoder.Id, decoder.Id == "cpu" ? "software" : "nvenc")).Ask(Ladders[_random.Next(Ladders.Length)]);
            return "a worker asks";
        }

        private string Mail()
        {
            var waiting = _workers.Where(worker => worker.HasMail).ToList();
            if (waiting.Count > 0)
            {
                waiting[_random.Next(waiting.Count)].TakeOne();
            }

            return "a worker reads one grant";
        }

        private string Fault()
        {
            var devices = Machine.Driver.Devices.ToArray();
            var device = devices[_random.Next(devices.Length)];
            if (!Machine.Driver.Broken.Remove(device))
            {
                Machine.Driver.Broken.Add(device);
            }

            return $"{device} breaks or works again";
        }

        private ModelWorker Any() => _workers[_random.Next(_workers.Count)];

        private (ModelWorker Worker, int Number)? Running()
        {
            var running = _workers.Where(worker => worker.Running.Count > 0).ToList();
            if (running.Count == 0)
            {
                return null;
            }

            var worker = running[_random.Next(running.Count)];
            return (worker, worker.Running.Keys.ElementAt(_random.Next(worker.Running.Count)));
        }
    }
}
