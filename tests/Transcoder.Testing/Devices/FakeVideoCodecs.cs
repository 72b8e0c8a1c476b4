using System.Buffers.Binary;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Testing.Devices;

/// <summary>One frame for each packet, in presentation order after a delay. First payload byte 0xEE: a refused packet; 0xDD: the decoder breaks.</summary>
internal sealed class FakeVideoDecoder : IDecoder
{
    private readonly FakeDevice _device;
    private readonly Track _track;
    private readonly SortedSet<MediaTime> _waiting = [];
    private bool _draining;

    public FakeVideoDecoder(FakeDevice device, Track track)
    {
        _device = device;
        _track = track;
        device.CodecOpened();
    }

    public bool Send(Packet? packet)
    {
        _device.ThrowIfLost();
        _device.Decoding(packet);
        switch (packet?.Payload.Span[0])
        {
            case null:
                _draining = true;
                return true;
            case 0xEE:
                return false;
            case 0xDD:
                throw new CodecException("the fake decoder broke", -1);
            default:
                if (!_device.Loses(packet))
                {
                    _waiting.Add(packet.Pts);
                }

                return true;
        }
    }

    public CodecStatus Receive(out Frame? frame)
    {
        frame = null;
        _device.ThrowIfLost();
        if (_waiting.Count == 0 || (!_draining && _waiting.Count <= _device.ReorderDepth))
        {
            return _draining ? CodecStatus.EndOfStream : CodecStatus.NeedMoreInput;
        }

        var pts = _waiting.Min;
        _waiting.Remove(pts);
        if (_device.DecodedFrames >= _device.DecoderFrames)
        {
            throw new CodecException("the fake decoder has no frame left", -12);
        }

        frame = new FakeFrame(_device, pts, _track.Video.Width, _track.Video.Height, decoded: true);
        return CodecStatus.Ok;
    }

    public bool IsShortOfFrames => _device.DecodedFrames > _device.DecoderFrames - 4;

    public void Dispose()
    {
        _device.Closing(this);
        _device.CodecDisposed();
    }
}

internal sealed class FakeScaler : IScaler
{
    private readonly FakeDevice _device;
    private readonly VideoFormat _target;

    public FakeScaler(FakeDevice device, VideoFormat target)
    {
        _device = device;
        _target = target;
        device.CodecOpened();
    }

    public Frame Scale(Frame frame)
    {
        _device.ThrowIfLost();
        ((FakeFrame)frame).Device.ThrowIfLost();
        _device.Scaling(frame, _target);
        if (((FakeFrame)frame).Device == _device && frame.Width == _target.Width && frame.Height == _target.Height)
        {
            frame.AddReference();
            return frame;
        }

        return new FakeFrame(_device, frame.Pts, _target.Width, _target.Height);
    }

    public void Dispose() => _device.CodecDisposed();
}

/// <summary>Mini-GOPs as asked for: the last frame of each comes out first, then the B-frames before it.</summary>
internal sealed class FakeVideoEncoder : IVideoEncoder
{
    private readonly FakeDevice _device;
    private readonly VideoEncoderSettings _settings;
    private readonly List<MediaTime> _miniGop = [];
    private readonly Queue<MediaTime> _decodingTimes = new();
    private readonly Queue<(MediaTime Pts, bool Keyframe, bool Disposable)> _out = new();
    private readonly byte[] _unit = new byte[16];
    private bool _draining;

    public FakeVideoEncoder(FakeDevice device, VideoEncoderSettings settings)
    {
        _device = device;
        _settings = settings;
        Track = new Track(TrackKind.Video, settings.Codec, new[] { (byte)device.Kind.Length, (byte)2, (byte)3 }, new VideoFormat(settings.Width, settings.Height, settings.FrameRate));
        device.CodecOpened();
    }

    public Track Track { get; }

    public string Description => "fake";

    public void Send(Frame? frame, bool forceKeyframe)
    {
        if (frame is null)
        {
            _draining = true;
            CloseMiniGop();
            return;
        }

        _device.Encoding(_settings, frame);
        _device.ThrowIfLost();
        var on = ((FakeFrame)frame).Device;
        if (on != _device && on.Id != "cpu")
        {
            throw new CodecException($"a frame on {on.Name} is none of mine");
        }

        if (frame.Width != _settings.Width || frame.Height != _settings.Height)
        {
            throw new CodecException($"wants {_settings.Width}x{_settings.Height}, got {frame.Width}x{frame.Height}");
        }

        if (_device.Swallows(frame))
        {
            return;
        }

        _decodingTimes.Enqueue(frame.Pts - MediaTime.FromMilliseconds(40 * _settings.BFrames));
        if (forceKeyframe)
        {
            CloseMiniGop();
            _out.Enqueue((frame.Pts, true, false));
            return;
        }

        _miniGop.Add(frame.Pts);
        if (_miniGop.Count == _settings.BFrames + 1)
        {
            CloseMiniGop();
        }
    }

    public CodecStatus Receive(out EncodedUnit unit)
    {
        if (!_out.TryDequeue(out var next))
        {
            unit = default;
            return _draining ? CodecStatus.EndOfStream : CodecStatus.NeedMoreInput;
        }

        BinaryPrimitives.WriteInt64BigEndian(_unit, next.Pts.Nanoseconds);
        BinaryPrimitives.WriteInt32BigEndian(_unit.AsSpan(8), _settings.Width);
        BinaryPrimitives.WriteInt32BigEndian(_unit.AsSpan(12), _settings.Height);
        unit = new EncodedUnit(_unit, _decodingTimes.Dequeue(), next.Pts, next.Keyframe, next.Disposable);
        return CodecStatus.Ok;
    }

    public void Dispose()
    {
        _device.Closing(this);
        _device.CodecDisposed();
    }

    private void CloseMiniGop()
    {
        if (_miniGop.Count == 0)
        {
            return;
        }

        _out.Enqueue((_miniGop[^1], false, false));
        for (var i = 0; i < _miniGop.Count - 1; i++)
        {
            _out.Enqueue((_miniGop[i], false, true));
        }

        _miniGop.Clear();
    }
}
