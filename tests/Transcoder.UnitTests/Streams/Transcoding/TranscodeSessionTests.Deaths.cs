using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Devices;
using Xunit;

namespace Transcoder.UnitTests.Streams.Transcoding;

/// <summary>Workers that die of their devices.</summary>
public sealed partial class TranscodeSessionTests
{
    private static readonly DeviceRef Gpu = new("gpu", "nvenc");

    [Fact]
    public async Task A_worker_that_cannot_be_killed_does_not_keep_its_successor_waiting_and_holds_its_leases_until_it_dies()
    {
        _launcher.HeldInKernel = true;
        await PublishAsync();
        var first = await RunningAsync();
        _launcher.HeldInKernel = false;
        try
        {
            Ask(first, 0);
            await Eventual.HoldsAsync(() => first.Grants.Count == 1);
            first.End(Reasons.WorkerHung);
            await Eventual.HoldsAsync(() => first.IsKilled);
            var killed = _clock.GetTimestamp();
            await Eventual.HoldsAsync(() =>
            {
                _clock.Advance(TimeSpan.FromMilliseconds(20));
                return _launcher.Count == 2;
            });
            Assert.InRange(_clock.GetElapsedTime(killed), TimeSpan.Zero, TimeSpan.FromSeconds(1));
            Assert.Equal(first.Grants.Single().Lease, Assert.Single(_resources.Snapshot().Leases).Id);
        }
        finally
        {
            first.Die(128 + 9);
        }

        await Eventual.HoldsAsync(() => _resources.Snapshot().Leases.Count == 0);
    }

    [Theory]
    [InlineData(128 + 11, true)]
    [InlineData(128 + 9, false)]
    [InlineData(1, false)]
    public async Task A_worker_that_crashes_leads_its_stream_away_from_the_card_that_it_used(int status, bool leaves)
    {
        _resources.Policy = new PlacementPolicy(["nvenc", "software"]);
        _resources.Apply(new ProbeReport([TestMachines.Cpu, Card()], [], "fake"));
        await PublishAsync();
        var first = await RunningAsync();
        Ask(first, 0);
        await Eventual.HoldsAsync(() => first.Grants.Any(grant => grant.Place == Gpu));
        first.Die(status);
        var second = await _launcher.NextAsync();
        Assert.Equal(leaves ? DeviceRef.Cpu : Gpu, (await second.Job.WaitAsync(Patience)).DecodeOrder[0]);
    }

    [Fact]
    public async Task A_decoder_that_hung_is_the_next_workers_on_another_device_and_where_it_went_is_booked()
    {
        _resources.Policy = new PlacementPolicy(["nvenc", "software"]);
        _resources.Apply(new ProbeReport([TestMachines.Cpu, Card()], [], "fake"));
        await PublishAsync();
        var first = await RunningAsync();
        Ask(first, 0);
        await Eventual.HoldsAsync(() => first.Grants.Count == 1);
        Assert.Equal(0, DecodeLoad());
        first.Send(WorkerMessageType.DecoderStarted, new DecoderStarted(Gpu));
        await Eventual.HoldsAsync(() => DecodeLoad() > 0);
        first.Send(WorkerMessageType.DecoderFailed, new DecoderFailed(Gpu, Hangs: true, "a call did not return"));
        await Eventual.HoldsAsync(() => first.Moves.Count == 1);
        Assert.Equal((DeviceRef.Cpu, Reasons.DecoderHung), (first.Moves.Single().Places[0], first.Moves.Single().Reason.Code));
        Assert.Equal(DeviceHealth.Quarantined, _resources.Snapshot().Devices.Single(device => device.Report.Id == "gpu").Health);
        first.End(Reasons.WorkerHung);
        Assert.Equal([DeviceRef.Cpu], (await (await _launcher.NextAsync()).Job.WaitAsync(Patience)).DecodeOrder);

        double DecodeLoad() => _resources.Snapshot().Devices.Single(device => device.Report.Id == "gpu").Decode!.OurLoad;
    }

    private static DeviceReport Card() => new(
        "gpu", "a card", "nvidia", "", "fake", false, 8L << 30, false,
        [
            new EngineCapability(EngineKind.Encode, "nvenc", CodecId.H264, "h264_nvenc", 4096, 4096, 0, null),
            new EngineCapability(EngineKind.Decode, "nvenc", CodecId.H264, "h264", 4096, 4096, 0, null),
            new EngineCapability(EngineKind.Scale, "nvenc", null, "scale_cuda", 0, 0, 0, null),
        ],
        []);
}
