using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Pipeline.Encoding;

/// <summary>
/// Where encoder sessions come from: the devices in the job's order, each refusal noted, the first that opens taken. Thread safe; the session
/// belongs to the thread that asked.
/// </summary>
internal sealed class EncoderPool
{
    private readonly IDevice[] _devices;
    private readonly string _missing;

    public EncoderPool(IReadOnlyList<IDevice> devices, IReadOnlyList<string> order)
    {
        // Devices that the order doesn't name are not used; an empty order means as they come.
        _devices = order.Count == 0 ? [.. devices] : [.. order.SelectMany(kind => devices.Where(device => device.Kind == kind))];
        _missing = string.Join(", ", order.Where(kind => devices.All(device => device.Kind != kind)));
    }

    /// <param name="failed">The device whose session just failed: tried last, or null.</param>
    /// <returns>Null when no device can; <paramref name="reason"/> then says what each answered.</returns>
    public EncoderSession<IVideoEncoder>? OpenVideo(VideoEncoderSettings settings, IDevice? failed, out Reason reason) =>
        Open(device => device.OpenVideoEncoder(settings), settings.Codec, failed, out reason);

    public EncoderSession<IAudioEncoder>? OpenAudio(AudioEncoderSettings settings, IDevice? failed, out Reason reason) =>
        Open(device => device.OpenAudioEncoder(settings), settings.Codec, failed, out reason);

    private EncoderSession<T>? Open<T>(Func<IDevice, T> open, CodecId codec, IDevice? failed, out Reason reason)
        where T : class, IDisposable
    {
        var refusals = new List<string>();
        if (_missing.Length > 0)
        {
            refusals.Add($"no {_missing} here");
        }

        var candidates = _devices.Where(device => device != failed).Concat(_devices.Where(device => device == failed));
        foreach (var device in candidates)
        {
            try
            {
                var encoder = open(device);
                var why = device == failed ? $"{device.Name} again, there is no other" : $"{device.Name} is the first of the order that takes {codec.Name()}";
                reason = new Reason(
                    failed is null ? Reasons.DeviceOrder : Reasons.DeviceFallback,
                    refusals.Count == 0 ? why : $"{why} ({string.Join("; ", refusals)})");
                return new EncoderSession<T>(device, encoder, reason);
            }
            catch (CodecException exception)
            {
                refusals.Add($"{device.Name}: {exception.Message}");
            }
        }

        reason = new Reason(Reasons.EncoderFailed, $"no device can encode {codec.Name()}: {string.Join("; ", refusals)}");
        return null;
    }
}
