using Transcoder.Codecs.Devices;
using Transcoder.Codecs.Devices.Cpu;
using Transcoder.Codecs.Native;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Probing;

/// <summary>What the devices of all vendors are asked alike.</summary>
internal static class EngineProbe
{
    // Enough for any ladder; what an encoder really takes beyond it is of no use live.
    public const int TriedBFrames = 2;

    public static Reason Simulated { get; } = new(
        Reasons.SimulatedDriver,
        "SIMULATED DRIVER: this is no GPU but a test double that encodes on the CPU. It must never be found on a server: take its folder out of LD_LIBRARY_PATH");

    public static void ScaleAndDecode(HardwareDevice device, DeviceDraft draft, Func<CodecException, Reason?> explain)
    {
        var scaler = new EngineCapability(EngineKind.Scale, device.Kind, null, device.Scaler, 0, 0, 0, null);
        draft.Try(scaler, () =>
        {
            using var tests = new EngineTests(device);
            tests.Scale();
            return scaler;
        }, Explain);

        // What can be tried is what the software encoders make.
        foreach (var codec in CpuEncoders.Video.Where(row => row.IsInstalled).Select(row => row.Codec))
        {
            if (device.DecoderFor(codec) is not { } name)
            {
                continue;
            }

            var decoder = new EngineCapability(EngineKind.Decode, device.Kind, codec, name, 0, 0, 0, null);
            draft.Try(decoder, () =>
            {
                using var tests = new EngineTests(device);
                tests.Decode(codec);
                return decoder;
            }, refusal => IsAbsent(refusal) ? null : Explain(refusal));
        }

        Reason? Explain(CodecException refusal)
        {
            var reason = explain(refusal);
            if (reason is { Code: not Reasons.ProbeFailed } finding)
            {
                draft.Find(finding);
            }

            return reason;
        }
    }

    // ENOSYS and "decoder not found": libavcodec or the driver has no such decoder. A library that is missing is another matter.
    private static bool IsAbsent(CodecException refusal) => refusal.Error is -38 or -1128613112 && !refusal.Message.Contains("Cannot load", StringComparison.Ordinal);
}
