using Transcoder.Media.Packets;
using Transcoder.Media.Time;

namespace Transcoder.Pipeline.Video;

/// <summary>Bitrate, keyframe distance and frame rate of the coded source, as seen so far. One thread.</summary>
internal sealed class SourceMeasure
{
    // Shorter GOPs are measured together: one large keyframe is no bitrate.
    private static readonly MediaTime Shortest = MediaTime.FromSeconds(1);

    private const int TimesToEstimate = 32;

    private readonly List<MediaTime> _times = [];
    private MediaTime? _began;
    private MediaTime? _keyframe;
    private MediaTime _last;
    private long _bits;

    /// <summary>Bits a second over the last whole GOPs; over what there is, before.</summary>
    public double Bitrate { get; private set; }

    /// <summary>Since the newest keyframe, or between the last two where that is longer.</summary>
    public MediaTime KeyframeDistance { get; private set; }

    /// <summary>A whole second, or a whole GOP.</summary>
    public bool IsEnough { get; private set; }

    public double FrameRate => Planning.FrameRateEstimate.From([.. _times.Order()]);

    public void Add(Packet packet)
    {
        if (_times.Count < TimesToEstimate)
        {
            _times.Add(packet.Pts);
        }

        if (packet.IsKeyframe)
        {
            IsEnough |= _keyframe is not null;
            KeyframeDistance = _keyframe is { } before ? packet.Dts - before : MediaTime.Zero;
            _keyframe = packet.Dts;
            _began ??= packet.Dts;
            if (packet.Dts - _began >= Shortest)
            {
                Bitrate = _bits / (packet.Dts - _began.Value).Seconds;
                _began = packet.Dts;
                _bits = 0;
            }
        }
        else if (_keyframe is { } keyframe)
        {
            KeyframeDistance = MediaTime.Max(KeyframeDistance, packet.Dts - keyframe);
        }

        _bits += packet.Payload.Length * 8L;
        _last = packet.Dts;
        IsEnough |= _began is { } began && _last - began >= Shortest;
    }

    /// <summary>Before the first whole GOPs: what has come by the time it took.</summary>
    public double BitrateSoFar => Bitrate > 0 || _began is not { } began || _last <= began ? Bitrate : _bits / (_last - began).Seconds;
}
