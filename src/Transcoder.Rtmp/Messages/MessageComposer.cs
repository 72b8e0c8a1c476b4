using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;

namespace Transcoder.Rtmp.Messages;

/// <summary>
/// The order of messages that a stream is told in: metadata, sequence headers, media, and a sequence header again whenever a track changes.
/// One for each player and each push connection; the images themselves are shared. Not thread safe but for the three switches.
/// </summary>
internal sealed class MessageComposer(MessageMuxer muxer, bool publishing)
{
    // What a queue that is seldom used keeps: the GOP that a player begins with is longer.
    private const int UsualPackets = 8;

    private readonly Queue<Packet> _waiting = new();
    private Track? _video;
    private Track? _audio;
    private bool _begun;

    private bool _caughtUp;
    private bool _needsKeyframe;
    private volatile bool _paused;
    private volatile bool _withVideo = true;
    private volatile bool _withAudio = true;

    /// <summary>The last track that RTMP cannot carry; its packets are left out.</summary>
    public Track? RefusedTrack { get; private set; }

    public int Waiting => _waiting.Count;

    /// <summary>All that a player begins with has been composed. That was nobody else's any more, so it was not kept with its packets; from now on images are shared.</summary>
    public void CatchUp() => _caughtUp = true;

    public void Pause(bool paused) => _paused = paused;

    public void ReceiveVideo(bool wanted) => _withVideo = wanted;

    public void ReceiveAudio(bool wanted) => _withAudio = wanted;

    /// <summary>Takes over the caller's reference.</summary>
    public void Add(Packet packet) => _waiting.Enqueue(packet);

    /// <summary>Adds a run: as the one image that everyone sends where this stream has nothing of its own to say, else packet by packet.</summary>
    public void Add(PacketRun run, List<WireImage> images)
    {
        if (SendsAsItIs(run))
        {
            images.Add(muxer.ImageOf(run));
            return;
        }

        for (var i = 0; i < run.Packets.Count; i++)
        {
            run.Packets[i].AddReference();
            _waiting.Enqueue(run.Packets[i]);
        }
    }

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
                if (IsWanted(packet))
                {
                    Announce(packet.Track, MessageMuxer.TimestampOf(packet), images);
                    images.Add(ImageOf(packet));
                }
            }
            finally
            {
                packet.Release();
            }
        }

        if (_waiting.Capacity > UsualPackets)
        {
            _waiting.TrimExcess();
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

    /// <summary>Metadata and both sequence headers before the first media: receivers size their windows and open their decoders once.</summary>
    private void Begin(List<WireImage> images)
    {
        _begun = true;
        var video = _waiting.FirstOrDefault(static packet => packet.Track.Kind == TrackKind.Video)?.Track;
        var audio = _waiting.FirstOrDefault(static packet => packet.Track.Kind == TrackKind.Audio)?.Track;
        var first = _waiting.Peek();
        var timestamp = MessageMuxer.TimestampOf(first);
        if (first.Track.Kind == TrackKind.Data)
        {
            images.Add(ImageOf(first));
            _waiting.Dequeue().Release();
        }
        else
        {
            images.Add(muxer.Metadata(video, audio, timestamp, publishing));
        }

        foreach (var track in (ReadOnlySpan<Track?>)[video, audio])
        {
            if (track is not null && MessageMuxer.CanCarry(track))
            {
                Announce(track, timestamp, images);
            }
        }
    }

    // A track that RTMP cannot carry has never been announced, so it is none of the two.
    private bool SendsAsItIs(PacketRun run) =>
        _begun && !publishing && !_needsKeyframe && !_paused && _withVideo && _withAudio && _waiting.Count == 0 && run.IsUniform &&
        (run.Video is null || run.Video.Equals(_video)) && (run.Audio is null || run.Audio.Equals(_audio));

    private WireImage ImageOf(Packet packet) =>
        publishing && packet.Track.Kind == TrackKind.Data ? muxer.PublishedData(packet) : muxer.ImageOf(packet, keep: _caughtUp || publishing);

    private bool IsWanted(Packet packet)
    {
        var track = packet.Track;
        if (packet.Payload.Length > MessageMuxer.LargestPayload)
        {
            return false;
        }

        if (!MessageMuxer.CanCarry(track))
        {
            RefusedTrack = track;
            return false;
        }

        switch (track.Kind)
        {
            case TrackKind.Video:
                if (_paused || !_withVideo)
                {
                    _needsKeyframe = true;
                }
                else if (packet.IsKeyframe)
                {
                    _needsKeyframe = false;
                }

                return !_needsKeyframe;
            case TrackKind.Audio:
                return !_paused && _withAudio;
            default:
                return !_paused;
        }
    }

    private void Announce(Track track, uint timestamp, List<WireImage> images)
    {
        ref var last = ref _video;
        switch (track.Kind)
        {
            case TrackKind.Audio:
                last = ref _audio;
                break;
            case TrackKind.Data:
                return;
        }

        if (ReferenceEquals(last, track) || track.Equals(last))
        {
            return;
        }

        last = track;
        if (muxer.SequenceHeader(track, timestamp) is { } header)
        {
            images.Add(header);
        }
    }
}
