using Transcoder.Codecs.Devices;
using Transcoder.Codecs.Native;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Libav;

/// <summary>One libavcodec decoder. Frames carry their packet's PTS: libavcodec reorders the 64-bit nanoseconds untouched.</summary>
internal sealed unsafe class LibavDecoder : IDecoder
{
    // libavcodec's "the bitstream is at fault"; everything else is a failure of the decoder.
    private const int InvalidData = -1094995529;
    private const int PatchWelcome = -1163346256;
    private const int InvalidArgument = -22;

    // A decoder that fails this often between two frames without asking for input is broken.
    private const int MostFailures = 64;

    private readonly DecoderHandle _decoder = new();
    private readonly LibavFramePool _frames = new();
    private readonly HardwareDevice? _device;
    private readonly string _name;
    private LibavFrame? _spare;

    // A device's decoder has so many frames beyond what decoding itself needs: drivers want their number fixed at the start.
    private const int ExtraFrames = 16;

    // The rest is for the frame in hand and for what filters and encoders keep a little longer than we see.
    private const int MostHeld = 12;

    /// <param name="device">Null: software.</param>
    public LibavDecoder(Track track, string? implementation, string options, HardwareDevice? device = null)
    {
        ShimLibrary.EnsureLoaded();
        ShimLibrary.ForgetLog();
        _name = implementation ?? track.Codec.Name();
        _device = device;
        var handle = device?.Connect() ?? DeviceHandle.None;
        fixed (byte* config = track.Config.Span)
        {
            ShimLibrary.ThrowIfFailed(
                Shim.DecoderOpen(implementation, track.Codec.Name(), handle, ExtraFrames, config, track.Config.Length, track.Audio.SampleRate, track.Audio.Channels, options, out var opened),
                $"No decoder for {track.Codec.Name()}{(device is null ? "" : $" on {device.Id}")}");
            _decoder.Adopt(opened);
        }
    }

    /// <summary>Packets refused and frames lost to damage.</summary>
    public long Damaged { get; private set; }

    public bool IsShortOfFrames => _device is not null && _frames.Out > MostHeld;

    public bool Send(Packet? packet)
    {
        int status;
        if (packet is null)
        {
            status = Shim.DecoderSend(_decoder, null, 0, Shim.NoTime, Shim.NoTime, 0);
        }
        else
        {
            fixed (byte* data = packet.Payload.Span)
            {
                // An empty span pins to null, which would mean draining.
                status = data is null
                    ? InvalidData
                    : Shim.DecoderSend(_decoder, data, packet.Payload.Length, packet.Pts.Nanoseconds, packet.Dts.Nanoseconds, packet.IsKeyframe ? 1 : 0);
            }
        }

        if (status == Shim.Ok || (packet is null && status == Shim.EndOfFile))
        {
            return true;
        }

        if (status == Shim.Again)
        {
            throw new InvalidOperationException($"The {_name} decoder has frames waiting: call Receive until it wants more.");
        }

        if (!IsDamage(status))
        {
            throw Failure(status);
        }

        Damaged++;
        return false;
    }

    public CodecStatus Receive(out Frame? frame)
    {
        frame = null;
        var shell = _spare ?? _frames.Rent();
        _spare = null;
        for (var failures = 0; ; failures++)
        {
            var status = Shim.DecoderReceive(_decoder, shell.Handle, out var facts);

            // A frame without any time has no place on the timeline, and none is invented.
            if (status == Shim.Ok && facts.Pts != Shim.NoTime)
            {
                shell.Describe(facts, new MediaTime(facts.Pts));
                frame = shell;
                return CodecStatus.Ok;
            }

            if (status is Shim.Again or Shim.EndOfFile)
            {
                _spare = shell;
                return status == Shim.Again ? CodecStatus.NeedMoreInput : CodecStatus.EndOfStream;
            }

            Damaged++;
            if (status < 0 && (!IsDamage(status) || failures > MostFailures))
            {
                _spare = shell;
                throw Failure(status);
            }
        }
    }

    public void Dispose()
    {
        _decoder.Dispose();
        _spare?.Release();
        _spare = null;
        _frames.Dispose();
    }

    private CodecException Failure(int status)
    {
        var what = $"The {_name} decoder failed";
        return _device?.Failure(status, what) ?? ShimLibrary.Failure(status, what);
    }

    // InvalidArgument too: several decoders answer nonsense in a header with it.
    private static bool IsDamage(int status) => status is InvalidData or PatchWelcome or InvalidArgument;
}
