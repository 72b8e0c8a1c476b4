using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Streams.Resources;

namespace Transcoder.Benchmarks.Streams.Placing;

/// <summary>The product's own placement, through the calls that the daemon makes.</summary>
internal sealed class ManagedPlacer : IPlacer
{
    private readonly ManualClock _clock = new();
    private readonly ResourceManager _manager;
    private readonly Dictionary<int, Owner> _owners = [];

    public ManagedPlacer(ProbeReport probe, ResourceState state, PlacementPolicy policy)
    {
        _manager = new ResourceManager(policy, 64, _clock, NullLogger<ResourceManager>.Instance, state);
        _manager.Apply(probe);
    }

    public string Name => "this placement";

    public int Migrations { get; private set; }

    /// <summary>Time that the manager took for each ladder: choosing the decoder and placing the rungs.</summary>
    public List<TimeSpan> Times { get; } = [];

    /// <summary>Processor time of the same calls: what else the machine does lengthens the times, not this.</summary>
    public List<TimeSpan> ProcessorTimes { get; } = [];

    public void Arrive(int stream, VideoEncoderSettings[] ladder)
    {
        var owner = _owners[stream] = new Owner(this, stream, ladder);
        var track = new Track(TrackKind.Video, CodecId.H264, default, new VideoFormat(1920, 1080, ladder[0].FrameRate));
        RenditionSpec[] specs = [.. ladder.Select((rung, i) => new RenditionSpec($"r{i}", new VideoSpec(rung.Codec, 0, rung.Height, rung.Bitrate), null))];
        EncodeDemand[] demands = [.. ladder.Select((rung, i) => new EncodeDemand(i, rung))];
        var processor = Environment.CpuUsage.TotalTime;
        var started = Stopwatch.GetTimestamp();
        owner.Decoder = _manager.DecodeOrder(owner, track, specs)[0];
        _manager.Request(owner, new LeaseRequest(owner.Decoder, 1920, 1080, ladder[0].FrameRate, demands));
        Times.Add(Stopwatch.GetElapsedTime(started));
        ProcessorTimes.Add(Environment.CpuUsage.TotalTime - processor);
        owner.Settle();
    }

    public void Leave(int stream)
    {
        _manager.ReleaseAll(_owners[stream]);
        _owners.Remove(stream);
    }

    public void Lose(string device) => Observe(device, new Reason(Reasons.DeviceLost, "simulated"));

    public void Find(string device) => Observe(device, null);

    public void Tick()
    {
        _clock.Advance(TimeSpan.FromSeconds(1));
        _manager.Tick();
        foreach (var owner in _owners.Values)
        {
            owner.Settle();
        }
    }

    public (string Decoder, string?[] Places) Of(int stream) => (_owners[stream].Decoder.Id, _owners[stream].Places);

    private void Observe(string device, Reason? lost)
    {
        _manager.Observe(new DeviceSample(device, null, null, null, null, null, null, null, null, [], null, lost));
        foreach (var owner in _owners.Values)
        {
            owner.Settle();
        }
    }

    private sealed class Owner(ManagedPlacer placer, int stream, VideoEncoderSettings[] ladder) : ILeaseOwner
    {
        private readonly Queue<LeaseGrant> _mail = new();
        private readonly Dictionary<int, long> _running = [];

        public DeviceRef Decoder { get; set; }

        public string?[] Places { get; } = new string?[ladder.Length];

        public string Stream { get; } = $"live/{stream}";

        public int WorkerProcessId => 100_000 + stream;

        public LeaseTerms Terms(int number) => new($"r{number}");

        public void Order(LeaseGrant grant) => _mail.Enqueue(grant);

        public void Move(DecodeMove move)
        {
            // What is simulated is where encoders go.
        }

        public void Settle()
        {
            while (_mail.TryDequeue(out var grant))
            {
                var old = _running.GetValueOrDefault(grant.Number);
                if (old == grant.Lease)
                {
                    continue;
                }

                Places[grant.Number] = grant.Lease == 0 ? null : grant.Place.Id;
                if (grant.Lease != 0)
                {
                    _running[grant.Number] = grant.Lease;
                    placer._manager.Confirm(this, grant.Lease);
                    placer.Migrations += old != 0 ? 1 : 0;
                }

                if (old != 0)
                {
                    placer._manager.Close(this, new LeaseClosed(old, LeaseOutcome.Released, 0, ""));
                }
            }
        }
    }

    private sealed class ManualClock : TimeProvider
    {
        private TimeSpan _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Advance(TimeSpan time) => _now += time;

        public override long GetTimestamp() => _now.Ticks;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + _now;
    }
}
