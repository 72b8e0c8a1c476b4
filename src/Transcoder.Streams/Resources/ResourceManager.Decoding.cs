using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Workers;

namespace Transcoder.Streams.Resources;

/// <summary>Decoders on the air, and workers that crash: where they are, and what they say of their devices.</summary>
public sealed partial class ResourceManager
{
    /// <summary>
    /// Decoders that failed and workers that crashed. Both are fed by strangers, so a stream by itself only keeps away from the device; another stream's trouble there
    /// makes it the device's.
    /// </summary>
    private readonly StreamFailures _decodeFailures = new();

    /// <summary>The worker decodes there from now on.</summary>
    public void Decodes(ILeaseOwner owner, DeviceRef place)
    {
        lock (_gate)
        {
            if (_ledger.OwnerOrNull(owner) is { Outline: { } outline } entry)
            {
                SetDecoder(entry, Device(place.Id) ?? _cpu, outline, Now);
            }
        }
    }

    /// <summary>A decoder failed; a hang speaks for its device, as an encoder's does.</summary>
    public void DecoderFailed(ILeaseOwner owner, DecoderFailed failed)
    {
        lock (_gate)
        {
            if (Device(failed.Place.Id) is { IsCpu: false } device)
            {
                var now = Now;
                var message = Short(failed.Message);
                if (failed.Hangs)
                {
                    _decodeFailures.Add(owner.Stream, device, now);
                    Strike(owner.Stream, device, new Reason(Reasons.DecoderHung, message), whole: true, now);
                }
                else
                {
                    Suspect(owner.Stream, device, new Reason(Reasons.DecoderFailed, message), whole: false, now);
                }
            }
        }

        SendOrders();
    }

    /// <summary>The worker's process crashed, perhaps in a driver: it counts against each device that it used. Before <see cref="ReleaseAll"/>.</summary>
    public void Crashed(ILeaseOwner owner, string status)
    {
        lock (_gate)
        {
            if (_ledger.OwnerOrNull(owner) is { } entry)
            {
                var now = Now;
                var used = entry.Leases.Where(lease => lease.Counts).Select(lease => lease.Device).Append(entry.Decoder).OfType<DeviceState>().Where(device => !device.IsCpu);
                foreach (var device in used.Distinct().ToArray())
                {
                    _streamFailures.Add(owner.Stream, device, now);
                    Suspect(owner.Stream, device, new Reason(Reasons.WorkerDied, $"a worker that used it was {status}"), whole: true, now);
                }
            }
        }

        SendOrders();
    }

    private void Suspect(string stream, DeviceState device, Reason reason, bool whole, TimeSpan now)
    {
        _decodeFailures.Add(stream, device, now);
        if (_decodeFailures.AnotherFailed(stream, device, now))
        {
            Blame(stream, device, reason, whole, now);
        }
        else
        {
            LogSuspect(device.Id, stream, reason);
        }
    }

    private List<DecodeChoice> DecodeChoices(ILeaseOwner owner, LadderOutline outline, TimeSpan now) =>
        [.. _placement.DecodeOrder(outline).Where(choice => !_decodeFailures.KeepsAway(owner.Stream, choice.Device, now))];

    private static DeviceRef[] Places(List<DecodeChoice> choices) => [.. choices.Select(choice => new DeviceRef(choice.Device.Id, choice.Kind))];

    /// <summary>Sources that are decoded on a device which is no good any more.</summary>
    private void MoveDecoders(DeviceState device, Reason reason, TimeSpan now)
    {
        foreach (var entry in _ledger.Owners.Where(entry => entry.Decoder == device).ToArray())
        {
            var outline = entry.Outline!;
            var choices = DecodeChoices(entry.Owner, outline, now);
            SetDecoder(entry, choices.Count > 0 ? choices[0].Device : _cpu, outline, now);
            var move = new DecodeMove(Places(choices), reason);
            _orders.Enqueue(() => entry.Owner.Move(move));
        }
    }

    [LoggerMessage(289, LogLevel.Warning, "stream {Stream} keeps its decoder from {Device} for a while: {Reason}")]
    private partial void LogSuspect(string device, string stream, Reason reason);
}
