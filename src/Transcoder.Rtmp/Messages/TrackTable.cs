using Transcoder.Media.Bitstreams;
using Transcoder.Media.Tracks;

namespace Transcoder.Rtmp.Messages;

/// <summary>The tracks of one kind that a publisher has told of. A configuration that only repeats keeps the track's identity, so that nobody sees a change.</summary>
internal sealed class TrackTable(TrackKind kind)
{
    /// <summary>Tracks of a kind; real encoders send up to six.</summary>
    public const int MostTracks = 16;

    // Real records take less than 4 KiB; what is kept of a publisher must not be as long as its longest message.
    private const int LargestConfiguration = 64 << 10;

    // colorInfo takes some hundred bytes.
    private const int LargestDescription = 4096;

    // One mostly, so each is looked at.
    private readonly List<Track> _tracks = [];

    // Descriptions that came before their track.
    private readonly Dictionary<byte, byte[]> _early = [];

    public Track? this[byte id]
    {
        get
        {
            foreach (var track in _tracks)
            {
                if (track.Id == id)
                {
                    return track;
                }
            }

            return null;
        }
    }

    /// <summary>What onMetaData says, for configurations that say nothing.</summary>
    public double AnnouncedFrameRate { get; set; }

    /// <param name="config">The configuration record; empty where the codec or the sender has none.</param>
    /// <param name="stated">Facts that the record does not hold.</param>
    /// <returns>Null where it is too long or there are too many tracks.</returns>
    public Track? Configure(byte id, CodecId codec, ReadOnlySpan<byte> config, AudioFormat stated = default)
    {
        var known = this[id];
        if (known?.Codec == codec && config.SequenceEqual(known.Config.Span))
        {
            return known;
        }

        if (config.Length > LargestConfiguration)
        {
            return null;
        }

        var description = known?.Description ?? _early.GetValueOrDefault(id);
        var track = new Track(kind, codec, config.ToArray()) { Id = id, Description = description };
        return Put(kind == TrackKind.Video
            ? track with { Video = Pictures(codec, config) }
            : track with { Audio = config.IsEmpty ? stated : CodecConfiguration.ReadAudioFormat(codec, config) });
    }

    /// <summary>Replaces the description, which is what stays of the last Metadata or MultichannelConfig.</summary>
    /// <returns>False where it is too long or there are too many tracks.</returns>
    public bool Describe(byte id, ReadOnlySpan<byte> description)
    {
        if (description.Length > LargestDescription)
        {
            return false;
        }

        if (this[id] is { } track)
        {
            if (!description.SequenceEqual(track.Description.Span))
            {
                Put(track with { Description = description.ToArray() });
            }

            return true;
        }

        if (_early.Count >= MostTracks)
        {
            return false;
        }

        _early[id] = description.ToArray();
        return true;
    }

    /// <summary>Neither vpcC nor VP8 states a size: it stands in each keyframe.</summary>
    public Track Resize(Track track, ReadOnlySpan<byte> keyframe)
    {
        var size = CodecConfiguration.ReadVideoFormatFromKeyframe(track.Codec, keyframe);
        return size.Width == 0 || (size.Width == track.Video.Width && size.Height == track.Video.Height)
            ? track
            : Put(track with { Video = track.Video with { Width = size.Width, Height = size.Height } })!;
    }

    private VideoFormat Pictures(CodecId codec, ReadOnlySpan<byte> config)
    {
        var format = CodecConfiguration.ReadVideoFormat(codec, config);
        return format.FrameRate > 0 ? format : format with { FrameRate = AnnouncedFrameRate };
    }

    private Track? Put(Track track)
    {
        var place = _tracks.FindIndex(known => known.Id == track.Id);
        if (place < 0 && _tracks.Count >= MostTracks)
        {
            return null;
        }

        _early.Remove(track.Id);
        if (place < 0)
        {
            _tracks.Add(track);
        }
        else
        {
            _tracks[place] = track;
        }

        return track;
    }
}
