using System.Buffers.Binary;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Testing.Devices;

/// <summary>Packets of numbered samples: u32 count, i64 number of the first.</summary>
internal sealed class FakeAudioDecoder : IDecoder
{
    public bool IsShortOfFrames => false;

    private readonly FakeDevice _device;
    private readonly Track _track;
    private FakeFrame? _next;
    private bool _draining;

    public FakeAudioDecoder(FakeDevice device, Track track)
    {
        _device = device;
        _track = track;
        device.CodecOpened();
    }

    public bool Send(Packet? packet)
    {
        if (packet is null)
        {
            _draining = true;
            return true;
        }

        var count = BinaryPrimitives.ReadInt32BigEndian(packet.Payload.Span);
        var first = BinaryPrimitives.ReadInt64BigEndian(packet.Payload.Span[4..]);
        long[] values = [.. Enumerable.Range(0, count).Select(i => first + i)];
        _next = new FakeFrame(_device, packet.Pts, values, _track.Audio.SampleRate, _track.Audio.Channels);
        return true;
    }

    public CodecStatus Receive(out Frame? frame)
    {
        frame = _next;
        _next = null;
        return frame is not null ? CodecStatus.Ok : _draining ? CodecStatus.EndOfStream : CodecStatus.NeedMoreInput;
    }

    public void Dispose()
    {
        _next?.Release();
        _device.CodecDisposed();
    }
}

/// <summary>Keeps numbers as they are; a lower rate repeats or leaves out some.</summary>
internal sealed class FakeResampler : IAudioResampler
{
    private readonly FakeDevice _device;
    private readonly AudioFormat _target;
    private readonly Queue<long> _store = new();

    public FakeResampler(FakeDevice device, AudioFormat target)
    {
        _device = device;
        _target = target;
        device.CodecOpened();
    }

    public int Stored => _store.Count;

    public int Push(Frame frame)
    {
        var values = ((FakeFrame)frame).Values;
        var count = (int)((long)values.Length * _target.SampleRate / frame.SampleRate);
        for (var i = 0; i < count; i++)
        {
            _store.Enqueue(values[(int)((long)i * frame.SampleRate / _target.SampleRate)]);
        }

        return count;
    }

    public void PushSilence(int samples)
    {
        for (var i = 0; i < samples; i++)
        {
            _store.Enqueue(-1);
        }
    }

    public void Skip(int samples)
    {
        for (var i = 0; i < samples && _store.Count > 0; i++)
        {
            _store.Dequeue();
        }
    }

    public Frame Pull(int samples, MediaTime pts)
    {
        long[] values = [.. Enumerable.Range(0, samples).Select(_ => _store.Dequeue())];
        return new FakeFrame(_device, pts, values, _target.SampleRate, _target.Channels);
    }

    public void Dispose() => _device.CodecDisposed();
}

/// <summary>A unit's payload is the number of the sample that it begins with: -1 in silence, -2 in priming.</summary>
internal sealed class FakeAudioEncoder : IAudioEncoder
{
    private readonly FakeDevice _device;
    private readonly AudioEncoderSettings _settings;
    private readonly List<long> _input = [];
    private readonly byte[] _unit = new byte[8];
    private long _units;
    private bool _draining;

    public FakeAudioEncoder(FakeDevice device, AudioEncoderSettings settings)
    {
        _device = device;
        _settings = settings;
        Track = new Track(TrackKind.Audio, settings.Codec, new byte[] { 0x12, 0x10 }, Audio: settings.Format);
        device.CodecOpened();
    }

    public Track Track { get; }

    public string Description => "fake";

    public int FrameSize => _device.AudioFrameSize;

    public int InitialPadding => _device.InitialPadding;

    public void Send(Frame? frame)
    {
        if (frame is null)
        {
            _draining = true;
            return;
        }

        _device.EncodingAudio(_settings, frame);
        if (frame.Samples != FrameSize)
        {
            throw new CodecException($"wants {FrameSize} samples, got {frame.Samples}");
        }

        _input.AddRange(((FakeFrame)frame).Values);
    }

    public CodecStatus Receive(out EncodedUnit unit)
    {
        var position = (_units * FrameSize) - InitialPadding;
        var available = _draining ? position < _input.Count : (_units + 1) * FrameSize <= _input.Count;
        if (!available)
        {
            unit = default;
            return _draining ? CodecStatus.EndOfStream : CodecStatus.NeedMoreInput;
        }

        _units++;
        BinaryPrimitives.WriteInt64BigEndian(_unit, position < 0 ? -2 : _input[(int)position]);
        unit = new EncodedUnit(_unit, default, default, keyframe: true, disposable: false);
        return CodecStatus.Ok;
    }

    public void Dispose() => _device.CodecDisposed();
}
