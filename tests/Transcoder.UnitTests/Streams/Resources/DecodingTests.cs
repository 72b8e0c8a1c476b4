using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Workers;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Resources;
using Xunit;

namespace Transcoder.UnitTests.Streams.Resources;

/// <summary>What decoders and crashes say of a device.</summary>
public sealed class DecodingTests
{
    private readonly Machine _machine = new(new ModelDriver().Gpu("gpu-0", consumer: false).Gpu("gpu-1", consumer: false));

    [Fact]
    public void A_decoder_that_hangs_speaks_for_its_device_and_all_that_is_decoded_and_encoded_there_goes()
    {
        var workers = Enumerable.Range(0, 4).Select(i => _machine.Start($"live/{i}", Machine.Hd)).ToList();
        var hung = DecoderOf(workers[0]);
        var there = workers.Where(worker => DecoderOf(worker) == hung).ToList();
        Assert.True(there.Count > 1);
        _machine.Manager.DecoderFailed(workers[0], new DecoderFailed(new DeviceRef(hung, "nvenc"), Hangs: true, "did not return"));
        workers.ForEach(worker => worker.Settle());

        Assert.Equal((DeviceHealth.Quarantined, Reasons.DecoderHung), (_machine.Device(hung).Health, _machine.Device(hung).HealthReason?.Code));
        Assert.Empty(_machine.Driver.Leases(hung));
        Assert.Equal(0, _machine.Device(hung).Decode!.OurLoad);
        Assert.All(there, worker => Assert.DoesNotContain(hung, Assert.Single(worker.DecodeMoves).Places.Select(place => place.Id)));
        Assert.All(workers.Except(there), worker => Assert.Empty(worker.DecodeMoves));
        Assert.NotEqual(hung, DecoderOf(_machine.Start("live/new", Machine.Hd)));
    }

    [Fact]
    public void An_encoder_that_hangs_takes_the_decoders_of_its_card_along()
    {
        var worker = _machine.Start("live/a", Machine.Hd);
        var hung = worker.Running[0].Place.Id;
        Assert.Equal(hung, DecoderOf(worker));
        worker.Fail(0, LeaseOutcome.Hung);
        Assert.Equal(Reasons.EncoderHung, Assert.Single(worker.DecodeMoves).Reason.Code);
        Assert.NotEqual(hung, worker.DecodeMoves[0].Places[0].Id);
    }

    [Fact]
    public void A_decoder_that_fails_is_its_streams_trouble_until_another_streams_fails_there_too()
    {
        var (one, other) = (_machine.Start("live/one", Machine.Hd), _machine.Start("live/other", Machine.Hd));
        var card = new DeviceRef("gpu-0", "nvenc");
        _machine.Manager.DecoderFailed(one, new DecoderFailed(card, Hangs: false, "broken"));
        _machine.Manager.DecoderFailed(one, new DecoderFailed(card, Hangs: false, "broken"));
        Assert.Equal(DeviceHealth.Sound, _machine.Device("gpu-0").Health);
        Assert.All(Enumerable.Range(0, 3), _ => Assert.NotEqual("gpu-0", DecoderOf(_machine.Start("live/one", Machine.Hd))));
        _machine.Manager.DecoderFailed(other, new DecoderFailed(card, Hangs: false, "broken"));
        Assert.Equal((DeviceHealth.Quarantined, Reasons.DecoderFailed), (_machine.Device("gpu-0").Health, _machine.Device("gpu-0").HealthReason?.Code));
    }

    [Theory]
    [InlineData(20, true)]
    [InlineData(90, false)]
    public void Crashes_of_two_streams_workers_within_a_while_quarantine_the_device_that_they_used(int secondsBetween, bool quarantines)
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0", consumer: false));
        var other = machine.Start("live/other", Machine.Hd);
        machine.Start("live/one", Machine.Hd).Die(crashed: true);
        Assert.Equal(DeviceHealth.Sound, machine.Device("gpu-0").Health);

        // It comes back at once, and keeps away.
        var again = machine.Start("live/one", Machine.Hd);
        Assert.Equal("cpu", DecoderOf(again));
        Assert.DoesNotContain("gpu-0", again.Places);
        machine.Pass(secondsBetween, other);
        other.Die(crashed: true);
        Assert.Equal(quarantines ? DeviceHealth.Quarantined : DeviceHealth.Sound, machine.Device("gpu-0").Health);
    }

    [Fact]
    public void A_decoder_that_went_elsewhere_by_itself_is_booked_there()
    {
        var worker = _machine.Start("live/a", Machine.Hd);
        var before = DecoderOf(worker);
        _machine.Manager.Decodes(worker, DeviceRef.Cpu);
        Assert.Equal(0, _machine.Device(before).Decode!.OurLoad);
        Assert.True(_machine.Device("cpu").Decode!.OurLoad > 0);
    }

    private static string DecoderOf(ModelWorker worker) => worker.DecodesAt.Id;
}
