using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Probing;

/// <summary>
/// Fills one engine with real work and says how many pixels a second it takes. More sessions are opened, twice as many each time, until they bring no more
/// or the driver opens no more. All are fed in turns by one thread: each has a frame in the engine while the others are fed. For a child process.
/// </summary>
/// <param name="step">How long each number of sessions is measured.</param>
public sealed class DeviceCalibrator(DeviceRef place, int mostSessions, TimeSpan step, TimeProvider clock)
{
    // A common rung; larger pictures would only take longer to prepare.
    private const int Width = 1280;
    private const int Height = 720;
    private const double Rate = 30;
    private const string Preset = "speed";

    // Less gain than this from twice the sessions: the engine is full.
    private const double WorthwhileGain = 1.05;

    private readonly IDevice _device = DeviceCatalog.Open(place);

    /// <exception cref="CodecException">Not even one session works.</exception>
    public Calibration Encode(CodecId codec)
    {
        using var material = new CalibrationMaterial(Width, Height, Rate);
        using var toDevice = _device.OpenScaler(new VideoFormat(Width, Height, Rate));
        var frames = material.Pictures.Select(toDevice.Scale).ToList();
        var settings = new VideoEncoderSettings(codec, Width, Height, Rate, 4_000_000, RateControl.Cbr, 1000, Preset, "", "", BFrames: 0, GopFrames: 60);
        try
        {
            return Grow(EngineKind.Encode, codec, Preset, () => new Encoding(_device.OpenVideoEncoder(settings), frames));
        }
        finally
        {
            frames.ForEach(frame => frame.Release());
        }
    }

    /// <exception cref="CodecException">Not even one session works.</exception>
    public Calibration Decode(CodecId codec)
    {
        using var material = new CalibrationMaterial(Width, Height, Rate);
        var track = material.Encode(codec, out var packets);
        try
        {
            return Grow(EngineKind.Decode, codec, "", () => new Decoding(_device.OpenDecoder(track), packets));
        }
        finally
        {
            packets.ForEach(packet => packet.Release());
        }
    }

    /// <exception cref="CodecException">It doesn't scale.</exception>
    public Calibration Scale()
    {
        var half = new VideoFormat(Width / 2, Height / 2, Rate);
        using var material = new CalibrationMaterial(Width, Height, Rate);
        using var toDevice = _device.OpenScaler(new VideoFormat(Width, Height, Rate));
        using var toMemory = DeviceCatalog.Open(DeviceRef.Cpu).OpenScaler(half);
        var frames = material.Pictures.Select(toDevice.Scale).ToList();
        try
        {
            return Grow(EngineKind.Scale, null, "", () => new Scaling(_device.OpenScaler(half), frames, toMemory)) with { Sessions = 1 };
        }
        finally
        {
            frames.ForEach(frame => frame.Release());
        }
    }

    private Calibration Grow(EngineKind engine, CodecId? codec, string preset, Func<Work> open)
    {
        var works = new List<Work>();
        var best = new Calibration(place, engine, codec, preset, 0, 0);
        try
        {
            for (var sessions = 1; sessions <= mostSessions; sessions *= 2)
            {
                if (!TryOpen(works, sessions, open))
                {
                    break;
                }

                var speed = Measure(works);
                var before = best.PixelsPerSecond;
                if (speed > before)
                {
                    best = best with { PixelsPerSecond = speed, Sessions = sessions };
                }

                if (speed < before * WorthwhileGain || engine == EngineKind.Scale)
                {
                    break;
                }
            }

            return best;
        }
        finally
        {
            works.ForEach(work => work.Dispose());
        }
    }

    private static bool TryOpen(List<Work> works, int sessions, Func<Work> open)
    {
        try
        {
            while (works.Count < sessions)
            {
                works.Add(open());
            }

            return true;
        }
        catch (CodecException) when (works.Count > 0)
        {
            // The session limit, or the memory's end: what is open has been measured.
            return false;
        }
    }

    private double Measure(List<Work> works)
    {
        // Once round first: what an engine does for its first picture is not its speed.
        works.ForEach(work => work.Step());
        var before = works.Sum(work => work.Pixels);
        var started = clock.GetTimestamp();
        while (clock.GetElapsedTime(started) < step)
        {
            works.ForEach(work => work.Step());
        }

        works.ForEach(work => work.Finish());
        return (works.Sum(work => work.Pixels) - before) / clock.GetElapsedTime(started).TotalSeconds;
    }

    private abstract class Work : IDisposable
    {
        /// <summary>Done so far.</summary>
        public double Pixels { get; protected set; }

        public abstract void Step();

        public virtual void Finish()
        {
        }

        public abstract void Dispose();
    }

    private sealed class Encoding(IVideoEncoder encoder, List<Frame> frames) : Work
    {
        private int _next;

        public override void Step()
        {
            // What the last step sent has been coded while the others were fed.
            while (encoder.Receive(out _) == CodecStatus.Ok)
            {
                Pixels += Width * Height;
            }

            encoder.Send(frames[_next++ % frames.Count], forceKeyframe: false);
        }

        public override void Dispose() => encoder.Dispose();
    }

    private sealed class Decoding(IDecoder decoder, List<Packet> packets) : Work
    {
        private int _next;

        public override void Step()
        {
            while (decoder.Receive(out var frame) == CodecStatus.Ok)
            {
                Pixels += Width * Height;
                frame!.Release();
            }

            decoder.Send(packets[_next++ % packets.Count]);
        }

        public override void Dispose() => decoder.Dispose();
    }

    private sealed class Scaling(IScaler scaler, List<Frame> frames, IScaler toMemory) : Work
    {
        private Frame? _last;
        private int _next;

        public override void Step()
        {
            _last?.Release();
            _last = scaler.Scale(frames[_next++ % frames.Count]);
            Pixels += Width / 2 * (Height / 2);
        }

        // Devices scale behind the caller's back: reading the last picture waits for all.
        public override void Finish() => toMemory.Scale(_last!).Release();

        public override void Dispose()
        {
            _last?.Release();
            scaler.Dispose();
        }
    }
}
