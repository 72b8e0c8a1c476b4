using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Rtmp.Messages;

/// <summary>
/// The order of messages that a stream is told in: metadata, sequence headers, media, and a sequence header again whenever a track changes; each in the form that the
/// receiver reads. One for each player and each push connection; the images themselves are shared. Not thread safe but for the three switches.
/// </summary>
/// <param name="peer">Null for a receiver that is taken to read every codec on one track: a server that says nothing about itself.</param>
internal sealed class MessageComposer(MessageMuxer muxer, bool publishing, PeerCapabilities? peer = null, TrackSelection selection = default)
{
    // What a queue that is seldom used keeps: the GOP that a player begins with is longer.
    private const int UsualPackets = 8;

    private readonly Queue<Packet> _waiting = new();
    private readonly List<Lane> _lanes = [];
    private IReadOnlyList<Track> _expected = [];
    private bool _begun;
    private bool _caughtUp;
    private volatile bool _paused;
    private volatile bool _withVideo = true;
    private volatile bool _withAudio = true;

    /// <summary>A track that the receiver cannot be sent, though it is the one to send; its packets are left out.</summary>
    public Track? RefusedTrack { get; private set; }

    /// <summary>A track that went out with its FourCC.</summary>
    public Track? EnhancedTrack { get; private set; }

    public int Waiting => _waiting.Count;

    /// <summary>What answers for <see cref="ImageOf(PacketRun)"/> as long as nothing changes here.</summary>
    public SteadyForm Steady { get; } = new(muxer.ChunkSize);

    /// <summary>The first batch announces all tracks of <paramref name="source"/>, also those whose first packet stands behind a keyframe that fills the batch.</summary>
    public void Expect(IPacketSource source)
    {
        if (!_begun)
        {
            _expected = source.Tracks;
        }
    }

    /// <summary>What a player begins with has been composed. Of that the keyframe alone was kept, for others that begin with it; from now on images stay with their packets.</summary>
    public void CatchUp()
    {
        _caughtUp = true;
        if (_waiting.Capacity > UsualPackets)
        {
            _waiting.TrimExcess();
        }
    }

    public void Pause(bool paused)
    {
        _paused = paused;
        Steady.Forget();
    }

    public void ReceiveVideo(bool wanted)
    {
        _withVideo = wanted;
        Steady.Forget();
    }

    public void ReceiveAudio(bool wanted)
    {
        _withAudio = wanted;
        Steady.Forget();
    }

    /// <summary>Takes over the caller's reference.</summary>
    public void Add(Packet packet)
    {
        _waiting.Enqueue(packet);
        Steady.Forget();
    }

    /// <summary>A run as the one image that everyone sends; null where this stream has something of its own to say or to leave out. Lives as long as the run.</summary>
    public WireImage? ImageOf(PacketRun run)
    {
        if (Steady.ImageOf(run) is { } image)
        {
            return image;
        }

        var held = Steady.Ask();
        if (!SendsAsItIs(run, out var forms))
        {
            return null;
        }

        Steady.Keep(run, forms, held);
        return muxer.ImageOf(run, forms);
    }

    /// <summary>Packets are missing before the next one, which is a keyframe of track 0: other tracks wait for theirs.</summary>
    public void SkipGap()
    {
        Steady.Forget();
        foreach (var lane in _lanes)
        {
            lane.NeedsKeyframe |= lane.Kind == TrackKind.Video && lane.Id != 0;
        }
    }

    /// <summary>Whether the receiver can be sent this track at all, if it is one that it is to be sent.</summary>
    public static bool CanSend(Track track, PeerCapabilities? peer, TrackSelection selection = default) =>
        !IsChosen(track, selection) || (MessageMuxer.CanCarry(track) && ReadsAlone(track, peer));

    /// <summary>Turns the waiting packets into images, each with a reference that the owner of <paramref name="images"/> releases.</summary>
    public void Compose(List<WireImage> images)
    {
        if (!_begun && _waiting.Count > 0)
        {
            Begin(images);
        }

        while (_waiting.TryDequeue(out var packet))
        {
            try
            {
                if (packet.Track.Kind == TrackKind.Data)
                {
                    if (!_paused && IsWantedData(packet))
                    {
                        images.Add(ImageOf(packet));
                    }
                }
                else if (IsWanted(packet, out var lane))
                {
                    Announce(lane, packet.Track, MessageMuxer.TimestampOf(packet, lane.Forms), images);
                    images.Add(muxer.ImageOf(packet, lane.Forms, keep: _caughtUp || publishing || (packet.IsKeyframe && lane.Kind == TrackKind.Video)));
                }
            }
            finally
            {
                packet.Release();
            }
        }
    }

    /// <summary>Gives back what was added and not composed.</summary>
    public void Clear()
    {
        while (_waiting.TryDequeue(out var packet))
        {
            packet.Release();
        }
    }

    private static bool IsChosen(Track track, TrackSelection selection) =>
        track.Id == ((track.Kind == TrackKind.Video ? selection.Video : selection.Audio) ?? 0);

    /// <summary>In the form of a stream that has only this one track of its kind.</summary>
    private static bool ReadsAlone(Track track, PeerCapabilities? peer) =>
        peer is null || track.Codec is CodecId.H264 or CodecId.Aac or CodecId.Mp3 || peer.Reads(track);

    /// <summary>Metadata and all sequence headers before the first media: receivers size their windows and open their decoders once.</summary>
    private void Begin(List<WireImage> images)
    {
        _begun = true;
        var first = _waiting.Peek();
        var timestamp = MessageMuxer.TimestampOf(first, DataForms);

        // As the packets have them, and only then as the source has them now: its track may have changed since the keyframe.
        var tracks = _waiting.Select(static packet => packet.Track).Concat(_expected).Where(track => track.Kind != TrackKind.Data && LaneOf(track).IsWanted)
            .DistinctBy(static track => (track.Kind, track.Id)).ToArray();
        _expected = [];
        var video = tracks.FirstOrDefault(track => track.Kind == TrackKind.Video && IsChosen(track, selection));
        var audio = tracks.FirstOrDefault(track => track.Kind == TrackKind.Audio && IsChosen(track, selection));
        if ((first.Flags & PacketFlags.Metadata) != 0 && IsWantedData(first))
        {
            images.Add(ImageOf(first));
            _waiting.Dequeue().Release();
        }
        else
        {
            images.Add(muxer.Metadata(video, audio, tracks.Where(track => track != video && track != audio), timestamp, publishing));
        }

        foreach (var track in (ReadOnlySpan<Track?>)[video, audio])
        {
            if (track is not null)
            {
                Announce(LaneOf(track), track, timestamp, images);
            }
        }
    }

    private bool SendsAsItIs(PacketRun run, out FlvForms forms)
    {
        forms = FlvForms.Compatible;
        return _begun && !publishing && selection.IsNone && !_paused && _withVideo && _withAudio && _waiting.Count == 0 && run.IsUniform &&
            IsUnderWay(run.Video, ref forms) && IsUnderWay(run.Audio, ref forms) && (run.Video is null || run.Audio is null || LaneOf(run.Video).Forms == forms);
    }

    /// <summary>Whether there is nothing to say or to leave out before the track's next packet.</summary>
    private bool IsUnderWay(Track? track, ref FlvForms forms)
    {
        if (track is null)
        {
            return true;
        }

        var lane = LaneOf(track);
        forms = lane.Forms;
        return lane.IsWanted && !lane.NeedsKeyframe && track.Equals(lane.Announced);
    }

    /// <summary>The publisher's metadata are about track 0; what takes them back is for the server's ears.</summary>
    private bool IsWantedData(Packet packet) =>
        packet.Payload.Length is > 0 and <= MessageMuxer.LargestPayload && (selection.IsNone || (packet.Flags & PacketFlags.Metadata) == 0);

    /// <summary>Where media's times are whole milliseconds and nanoseconds, data's are not rounded up either: the receiver's clock would step back.</summary>
    private FlvForms DataForms => peer is { ReadsNanoseconds: true } ? FlvForms.Precise : FlvForms.Compatible;

    private WireImage ImageOf(Packet packet) => publishing ? muxer.PublishedData(packet, DataForms) : muxer.ImageOf(packet, DataForms, keep: _caughtUp);

    private bool IsWanted(Packet packet, out Lane lane)
    {
        lane = LaneOf(packet.Track);
        if (!lane.IsWanted || packet.Payload.Length > MessageMuxer.LargestPayload)
        {
            return false;
        }

        if (lane.Kind == TrackKind.Audio)
        {
            return !_paused && _withAudio;
        }

        if (_paused || !_withVideo)
        {
            lane.NeedsKeyframe = true;
        }
        else if (packet.IsKeyframe)
        {
            lane.NeedsKeyframe = false;
        }

        return !lane.NeedsKeyframe;
    }

    private Lane LaneOf(Track track)
    {
        foreach (var lane in _lanes)
        {
            if (lane.Kind == track.Kind && lane.Id == track.Id)
            {
                if (!ReferenceEquals(lane.Seen, track))
                {
                    Judge(lane, track);
                }

                return lane;
            }
        }

        // The stream begins at a keyframe of track 0; the others' may come later.
        var added = new Lane(track.Kind, track.Id) { NeedsKeyframe = track.Kind == TrackKind.Video && track.Id != 0 };
        _lanes.Add(added);
        Judge(added, track);
        return added;
    }

    private void Judge(Lane lane, Track track)
    {
        lane.Seen = track;
        var chosen = IsChosen(track, selection);
        lane.IsWanted = chosen
            ? CanSend(track, peer, selection)
            : selection.IsNone && peer is { IsMultitrack: true } && MessageMuxer.CanCarry(track) && peer.Reads(track);
        lane.Forms = (chosen && track.Id != 0 ? FlvForms.AsDefaultTrack : 0) | (peer is { ReadsNanoseconds: true } && peer.Reads(track) ? FlvForms.Precise : 0);
        if (chosen && !lane.IsWanted)
        {
            RefusedTrack = track;
        }
        else if (lane.IsWanted && track.Codec is not (CodecId.H264 or CodecId.Aac or CodecId.Mp3))
        {
            EnhancedTrack = track;
        }
    }

    private void Announce(Lane lane, Track track, uint timestamp, List<WireImage> images)
    {
        var last = lane.Announced;
        if (ReferenceEquals(last, track) || track.Equals(last))
        {
            return;
        }

        lane.Announced = track;
        var sameRecord = last is not null && last.Codec == track.Codec && track.Config.Span.SequenceEqual(last.Config.Span);
        if (!sameRecord && muxer.SequenceHeader(track, timestamp, lane.Forms) is { } header)
        {
            images.Add(header);
        }

        // Only to those who know the FourCC: in the legacy numbering the same byte is another codec.
        var described = last?.Description ?? default;
        if (peer?.Reads(track) == true && (publishing || track.Kind == TrackKind.Audio || peer.ReadsMetadata) && !(track.Description.IsEmpty && (described.IsEmpty || track.Kind == TrackKind.Audio)) &&
            !(sameRecord && track.Description.Span.SequenceEqual(described.Span)))
        {
            images.Add(muxer.Description(track, timestamp, lane.Forms));
        }
    }

    /// <summary>What the receiver has been told of one track.</summary>
    private sealed class Lane(TrackKind kind, byte id)
    {
        public TrackKind Kind => kind;

        public byte Id => id;

        public Track? Seen { get; set; }

        public Track? Announced { get; set; }

        public bool IsWanted { get; set; }

        public bool NeedsKeyframe { get; set; }

        public FlvForms Forms { get; set; }
    }
}
