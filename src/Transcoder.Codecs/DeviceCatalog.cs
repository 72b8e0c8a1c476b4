using Transcoder.Codecs.Devices.Cpu;
using Transcoder.Codecs.Devices.Nvidia;
using Transcoder.Codecs.Devices.Qsv;
using Transcoder.Codecs.Devices.Vaapi;
using Transcoder.Codecs.Libav;
using Transcoder.Codecs.Native;
using Transcoder.Media.Buffers;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs;

/// <summary>The devices by name. Only worker processes call it: it loads native code, and a driver once something is opened on its device.</summary>
public static class DeviceCatalog
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<DeviceRef, IDevice> Devices = [];

    /// <summary>The CPU.</summary>
    /// <exception cref="CodecException">The native library is missing or of another build.</exception>
    public static IReadOnlyList<IDevice> Open() => [Open(DeviceRef.Cpu)];

    /// <summary>
    /// The device; one object per process, thread safe. Touches no driver: the first decoder, scaler or encoder that is opened on it does, and a device that
    /// is not there is that one's failure.
    /// </summary>
    /// <exception cref="CodecException">The native library is missing or of another build, or no such kind is known.</exception>
    public static IDevice Open(DeviceRef place)
    {
        ShimLibrary.EnsureLoaded();
        lock (Gate)
        {
            if (!Devices.TryGetValue(place, out var device))
            {
                device = Make(place);
                Devices.Add(place, device);
            }

            return device;
        }
    }

    private static IDevice Make(DeviceRef place) => place.Kind switch
    {
        "software" => new CpuDevice(),
        NvidiaDevice.InterfaceKind => new NvidiaDevice(place.Id),
        VaapiDevice.InterfaceKind => new VaapiDevice(place.Id),
        QsvDevice.InterfaceKind => new QsvDevice(place.Id),
        _ => throw new CodecException($"{place.Kind} is no kind of device"),
    };

    /// <summary>FFmpeg's library versions, for diagnosis.</summary>
    public static string LibraryVersions => ShimLibrary.Versions();

    /// <summary>FFmpeg's own warnings and errors with their AV_LOG level (16 error, 24 warning). Called from any thread.</summary>
    public static Action<int, string>? LogSink
    {
        get => ShimLibrary.LogSink;
        set => ShimLibrary.LogSink = value;
    }

    /// <summary>Lets the first SIGSEGV that somebody sends end this process; the runtime alone would go on after it. See TRAPS.md.</summary>
    public static void DieOfSentSigsegv()
    {
        ShimLibrary.EnsureLoaded();
        ShimLibrary.ThrowIfFailed(Shim.DieOfSentSigsegv(), "The handler of SIGSEGV could not be set");
    }

    /// <summary>
    /// Pays now what a first stream would pay: loading the libraries, their tables, and compiling the calls. For a spare worker, before its job.
    /// </summary>
    public static void WarmUp()
    {
        var cpu = new CpuDevice();
        using var encoder = cpu.OpenVideoEncoder(new VideoEncoderSettings(
            CodecId.H264, 128, 96, 25, 100_000, RateControl.Vbr, 1000, "speed", "", "", BFrames: 0, GopFrames: 25, Threads: 1));
        using var decoder = cpu.OpenDecoder(encoder.Track);
        using var scaler = cpu.OpenScaler(new VideoFormat(128, 96, 25));
        using var resampler = cpu.OpenAudioResampler(new AudioFormat(48000, 2));
        using var audio = cpu.OpenAudioEncoder(new AudioEncoderSettings(CodecId.Aac, 64_000, new AudioFormat(48000, 2)));
        using var audioDecoder = cpu.OpenDecoder(audio.Track);
        var pool = new MediaBufferPool();
        using (var frames = new LibavFramePool())
        {
            var picture = frames.Rent();
            ShimLibrary.ThrowIfFailed(Shim.FrameMakeVideo(picture.Handle, 256, 192, "yuv420p", 0, 0), "No memory for a picture");
            var scaled = scaler.Scale(picture);
            picture.Release();
            encoder.Send(scaled, forceKeyframe: true);
            scaled.Release();
            encoder.Send(null, forceKeyframe: false);
            while (encoder.Receive(out var unit) == CodecStatus.Ok)
            {
                Decode(decoder, Packet.Copy(pool, encoder.Track, unit.Dts, unit.Pts, PacketFlags.Keyframe, unit.Data));
            }
        }

        resampler.PushSilence(audio.FrameSize);
        var silence = resampler.Pull(audio.FrameSize, MediaTime.Zero);
        audio.Send(silence);
        silence.Release();
        audio.Send(null);
        while (audio.Receive(out var unit) == CodecStatus.Ok)
        {
            Decode(audioDecoder, Packet.Copy(pool, audio.Track, unit.Dts, unit.Pts, PacketFlags.Keyframe, unit.Data));
        }
    }

    private static void Decode(IDecoder decoder, Packet packet)
    {
        decoder.Send(packet);
        packet.Release();
        while (decoder.Receive(out var frame) == CodecStatus.Ok)
        {
            frame?.Release();
        }
    }
}
