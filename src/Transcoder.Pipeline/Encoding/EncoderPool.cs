using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Ports;
using Transcoder.Media.Workers;

namespace Transcoder.Pipeline.Encoding;

/// <summary>Opens what the daemon granted, where it was granted. Thread safe; a session belongs to one thread at a time.</summary>
internal sealed class EncoderPool(IDeviceSource devices, TimeProvider time)
{
    /// <summary>Sound, and whatever has no device of its own.</summary>
    public IDevice Cpu => devices.Open(DeviceRef.Cpu);

    /// <exception cref="CodecException">The place can't be used.</exception>
    public VideoSession Open(LeaseGrant grant)
    {
        var device = devices.Open(grant.Place);
        var encoder = device.OpenVideoEncoder(grant.Settings);
        IScaler? scaler = null;
        try
        {
            // Opened with the session, so that the first picture doesn't pay for it and a missing engine is known before the first picture.
            scaler = device.OpenScaler(VideoSession.FormatOf(grant.Settings));
            return new VideoSession(grant, device, encoder, scaler, device, time);
        }
        catch (CodecException) when (scaler is null && grant.Place != DeviceRef.Cpu)
        {
            // No scale engine there: the CPU scales, and the encoder takes frames from memory.
            return new VideoSession(grant, device, encoder, Cpu.OpenScaler(VideoSession.FormatOf(grant.Settings)), Cpu, time);
        }
        catch
        {
            encoder.Dispose();
            throw;
        }
    }

    /// <exception cref="CodecException">There is no encoder for this codec.</exception>
    public IAudioEncoder Open(AudioEncoderSettings settings) => Cpu.OpenAudioEncoder(settings);

    /// <summary>Sound takes no place that could run out.</summary>
    public static Reason SoundOnCpu { get; } = new(Reasons.OnlyChoice, "sound is encoded on the CPU");
}
