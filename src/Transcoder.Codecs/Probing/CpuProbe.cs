using System.Globalization;
using Transcoder.Codecs.Devices;
using Transcoder.Codecs.Devices.Cpu;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Ports;

namespace Transcoder.Codecs.Probing;

/// <summary>The CPU: software codecs of the installed FFmpeg.</summary>
internal static class CpuProbe
{
    public static void Run(Action<DeviceReport> publish)
    {
        var device = DeviceCatalog.Open(DeviceRef.Cpu);
        var draft = new DeviceDraft(
            new DeviceReport(device.Id, Name(), "cpu", "", "FFmpeg", IsSimulated: false, 0, Consumer: false, [], []), publish);
        foreach (var row in CpuEncoders.Video)
        {
            var coding = new EngineCapability(EngineKind.Encode, device.Kind, row.Codec, row.Name, 0, 0, row.Always.Contains("bf={bframes}") ? 16 : 0, null);
            draft.Try(coding, () => Tested(coding, tests => tests.Encode(row.Codec, bFrames: 0)), Missing);
            var decoding = new EngineCapability(EngineKind.Decode, device.Kind, row.Codec, CpuDevice.DecoderFor(row.Codec), 0, 0, 0, null);
            draft.Try(decoding, () => Tested(decoding, tests => tests.Decode(row.Codec)), Missing);
        }

        var scaling = new EngineCapability(EngineKind.Scale, device.Kind, null, "swscale", 0, 0, 0, null);
        draft.Try(scaling, () => Tested(scaling, tests => tests.Scale()), Missing);
        draft.Publish();

        EngineCapability Tested(EngineCapability capability, Action<EngineTests> test)
        {
            using var tests = new EngineTests(device);
            test(tests);
            return capability;
        }

        static Reason? Missing(CodecException refusal) => new Reason(Reasons.NotCapable, refusal.Message);
    }

    private static string Name()
    {
        const string Key = "model name";
        var facts = SystemTree.PathOf("proc/cpuinfo");
        var model = File.Exists(facts) ? File.ReadLines(facts).FirstOrDefault(line => line.StartsWith(Key, StringComparison.Ordinal))?.Split(':', 2)[^1].Trim() : null;
        return string.Create(CultureInfo.InvariantCulture, $"{model ?? "CPU"} ({Environment.ProcessorCount} cores)");
    }
}
