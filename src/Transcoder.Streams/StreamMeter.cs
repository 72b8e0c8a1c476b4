using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams;

/// <summary>What a stream is measured to be, over the last few seconds of its own timeline.</summary>
/// <param name="Bitrate">Bits a second, all tracks.</param>
/// <param name="FrameRate">Frames a second.</param>
/// <param name="KeyframeInterval">Seconds between the last two keyframes; 0 before the second.</param>
public readonly record struct StreamMeasurement(double Bitrate, double FrameRate, double KeyframeInterval);

/// <summary>Counts a stream's packets and measures rates over two half-windows, so that a reading is never older than the window. Written by one thread, read by any.</summary>
public sealed class StreamMeter
{
    private static readonly MediaTime HalfWindow = MediaTime.FromMilliseconds(2_500);

    private readonly Lock _gate = new();
    private MediaTime _start = MediaTime.MinValue;
    private MediaTime _newest;
    private MediaTime _lastKeyframe = MediaTime.MinValue;
    private double _keyframeInterval;
    private (long Bytes, long Frames, MediaTime Span) _previous;
    private long _bytes;
    private long _frames;

    public long TotalBytes { get; private set; }

    public long VideoPackets { get; private set; }

    public long AudioPackets { get; private set; }

    public long Keyframes { get; private set; }

    public void Count(Packet packet)
    {
        lock (_gate)
        {
            TotalBytes += packet.Payload.Length;
            _bytes += packet.Payload.Length;
            if (packet.Track.Kind == TrackKind.Audio)
            {
                AudioPackets++;
            }
            else if (packet.Track is { Kind: TrackKind.Video, Id: 0 })
            {
                VideoPackets++;
                _frames++;
                CountKeyframe(packet);
            }

            Slide(packet.Dts);
        }
    }

    public StreamMeasurement Measure()
    {
        lock (_gate)
        {
            var span = (_previous.Span + (_newest - _start)).Seconds;
            return _start == MediaTime.MinValue || span <= 0
                ? default
                : new StreamMeasurement((_previous.Bytes + _bytes) * 8 / span, (_previous.Frames + _frames) / span, _keyframeInterval);
        }
    }

    private void CountKeyframe(Packet packet)
    {
        if (!packet.IsKeyframe)
        {
            return;
        }

        Keyframes++;
        if (_lastKeyframe != MediaTime.MinValue)
        {
            _keyframeInterval = (packet.Pts - _lastKeyframe).Seconds;
        }

        _lastKeyframe = packet.Pts;
    }

    private void Slide(MediaTime dts)
    {
        if (_start == MediaTime.MinValue)
        {
            _start = dts;
            _newest = dts;
        }

        _newest = MediaTime.Max(_newest, dts);
        if (_newest - _start >= HalfWindow)
        {
            _previous = (_bytes, _frames, _newest - _start);
            _bytes = 0;
            _frames = 0;
            _start = _newest;
        }
    }
}
