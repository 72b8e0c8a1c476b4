using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Connections;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Sessions;

/// <content>The session's streams are its parts: they share its link, options and log.</content>
internal sealed partial class RtmpSession
{
    /// <summary>
    /// One stream that this connection plays. Its task takes what the hub has, as much as fits a batch, and writes shared images; the session's loop goes on
    /// reading meanwhile, so that a client which only writes is still read.
    /// </summary>
    private sealed class PlayStream
    {
        // Enough for a batch of audio packets; video fills the byte limit first.
        private const int BatchPackets = 64;

        private readonly RtmpSession _session;
        private readonly IPacketSource _source;
        private readonly uint _streamId;
        private readonly long _started;
        private readonly CancellationTokenSource _ending = new();
        private readonly Queue<Packet> _packets = new(BatchPackets);
        private readonly List<WireImage> _images = new(BatchPackets + 4);
        private readonly Task _pump;
        private Reason? _end;
        private Track? _video;
        private Track? _audio;
        private Track? _refusedTrack;
        private long _bytes;
        private bool _begun;
        private bool _needsKeyframe;
        private volatile bool _paused;
        private volatile bool _withVideo = true;
        private volatile bool _withAudio = true;

        public PlayStream(RtmpSession session, StreamAddress address, IPacketSource source, uint streamId)
        {
            _session = session;
            _source = source;
            _streamId = streamId;
            _started = session._time.GetTimestamp();
            Address = address;
            session._statistics.PlayerOpened();
            Log.PlayerOpened(session._logger, session._address, address.App, address.Stream);
            _pump = PumpAsync();
        }

        public StreamAddress Address { get; }

        public void Pause(bool paused) => _paused = paused;

        public void ReceiveVideo(bool wanted) => _withVideo = wanted;

        public void ReceiveAudio(bool wanted) => _withAudio = wanted;

        public async ValueTask CloseAsync(Reason reason)
        {
            await _ending.CancelAsync();
            await _pump;
            _source.Dispose();
            _ending.Dispose();
            _session._statistics.PlayerClosed();
            var seconds = _session._time.GetElapsedTime(_started).TotalSeconds;
            Log.PlayerEnded(
                _session._logger, _session._address, Address.App, Address.Stream, seconds, _bytes, _source.DroppedPackets, _end ?? reason);
        }

        private async Task PumpAsync()
        {
            var token = _ending.Token;
            try
            {
                while (await _source.WaitToReadAsync(token))
                {
                    Collect();
                    if (_images.Count > 0 && !await _session._link.Writer.WriteAsync(_images, _streamId, token))
                    {
                        // The reading side learns why the connection takes no more.
                        return;
                    }

                    ReleaseAll();
                }

                _end = _source.EndReason;
                var link = _session._link;
                link.Send(link.NewBatch()
                    .Status(_streamId, "status", "NetStream.Play.UnpublishNotify", $"{Address} has ended.")
                    .UserControl(UserControlEvent.StreamEof, _streamId)
                    .Status(_streamId, "status", "NetStream.Play.Stop", $"{Address} has ended."));
                _session.End(_source.EndReason);
            }
            catch (OperationCanceledException) when (token.IsCancellationRequested)
            {
                // Closed by the session, which has the reason.
            }
            catch (Exception exception) when (exception is IOException or InvalidOperationException)
            {
                _session.End(new Reason(Reasons.ConnectionReset, "the connection broke while the stream was being sent"));
            }
            catch (Exception exception)
            {
                Log.InternalError(_session._logger, exception, _session._address);
                _session.End(new Reason(Reasons.InternalError, exception.GetType().Name));
            }
            finally
            {
                ReleaseAll();
            }
        }

        private void Collect()
        {
            var bytes = 0;
            while (_packets.Count < BatchPackets && bytes < _session._options.BatchBytes && _source.TryRead(out var packet))
            {
                _packets.Enqueue(packet);
                bytes += packet.Payload.Length;
            }

            if (_packets.Count == 0)
            {
                return;
            }

            if (!_begun)
            {
                Begin();
            }

            while (_packets.TryDequeue(out var packet))
            {
                try
                {
                    if (IsWanted(packet))
                    {
                        Announce(packet.Track, MessageMuxer.TimestampOf(packet));
                        Add(_session._muxer.ImageOf(packet));
                    }
                }
                finally
                {
                    packet.Release();
                }
            }
        }

        /// <summary>Metadata and both sequence headers before the first media: players size their windows and open their decoders once.</summary>
        private void Begin()
        {
            _begun = true;
            var video = _packets.FirstOrDefault(static packet => packet.Track.Kind == TrackKind.Video)?.Track;
            var audio = _packets.FirstOrDefault(static packet => packet.Track.Kind == TrackKind.Audio)?.Track;
            var first = _packets.Peek();
            var timestamp = MessageMuxer.TimestampOf(first);
            if (first.Track.Kind != TrackKind.Data)
            {
                Add(_session._muxer.Metadata(video, audio, timestamp));
            }
            else
            {
                Add(_session._muxer.ImageOf(first));
                _packets.Dequeue().Release();
            }

            foreach (var track in (ReadOnlySpan<Track?>)[video, audio])
            {
                if (track is not null && MessageMuxer.CanCarry(track))
                {
                    Announce(track, timestamp);
                }
            }
        }

        private bool IsWanted(Packet packet)
        {
            var track = packet.Track;
            if (packet.Payload.Length > MessageMuxer.LargestPayload)
            {
                return false;
            }

            if (!MessageMuxer.CanCarry(track))
            {
                if (!ReferenceEquals(_refusedTrack, track))
                {
                    _refusedTrack = track;
                    Log.CannotCarry(_session._logger, _session._address, Address.App, Address.Stream, track.Codec.Name());
                }

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

        private void Announce(Track track, uint timestamp)
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
            if (_session._muxer.SequenceHeader(track, timestamp) is { } header)
            {
                Add(header);
            }
        }

        private void Add(WireImage image)
        {
            _images.Add(image);
            _bytes += image.Bytes.Length;
        }

        private void ReleaseAll()
        {
            foreach (var packet in _packets)
            {
                packet.Release();
            }

            foreach (var image in _images)
            {
                image.Release();
            }

            _packets.Clear();
            _images.Clear();
        }
    }
}
