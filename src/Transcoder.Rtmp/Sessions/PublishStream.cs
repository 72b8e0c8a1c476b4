using Transcoder.Media;
using Transcoder.Media.Ports;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Sessions;

/// <content>The session's streams are its parts: they share its link, options and log.</content>
internal sealed partial class RtmpSession
{
    /// <summary>One stream that this connection publishes: its messages become packets for the hub. Used by the session's loop alone.</summary>
    private sealed class PublishStream
    {
        private readonly RtmpSession _session;
        private readonly IPacketSink _sink;
        private readonly MessageDemuxer _demuxer;
        private readonly CancellationTokenRegistration _closed;
        private readonly long _started;
        private long _bytes;
        private int _over;

        public PublishStream(RtmpSession session, uint id, StreamAddress address, IPacketSink sink)
        {
            _session = session;
            _sink = sink;
            _demuxer = new MessageDemuxer(session._pool, LeaveOut);
            _started = session._time.GetTimestamp();
            Id = id;
            Address = address;
            Interlocked.Increment(ref session._running);
            session._statistics.PublisherOpened();
            Log.PublisherOpened(session._logger, session._address, address.App, address.Stream);

            // The hub ends the turn: takeover, silence, shutdown.
            _closed = sink.Closed.UnsafeRegister(static stream => ((PublishStream)stream!).HubClosed(), this);
        }

        /// <summary>The message stream's.</summary>
        public uint Id { get; }

        public StreamAddress Address { get; }

        public bool IsAwaited => _sink.IsAwaited;

        /// <summary>Takes over the message's block.</summary>
        public ValueTask TakeAsync(RtmpMessage message, CancellationToken cancellationToken)
        {
            _bytes += message.Length;
            if (!_demuxer.TryDemux(message, out var packet))
            {
                return ValueTask.CompletedTask;
            }

            var written = _sink.WriteAsync(packet, cancellationToken);
            return _demuxer.HasNext ? TakeMoreAsync(written, cancellationToken) : written;
        }

        /// <summary>The other tracks of a multitrack message.</summary>
        private async ValueTask TakeMoreAsync(ValueTask first, CancellationToken cancellationToken)
        {
            try
            {
                await first;
                while (_demuxer.TryNext(out var next))
                {
                    await _sink.WriteAsync(next, cancellationToken);
                }
            }
            finally
            {
                _demuxer.Clear();
            }
        }

        public void Close(Reason reason)
        {
            _closed.Unregister();
            _sink.Complete(reason);
            _session.TakeOff(ref _over);
            _session._statistics.PublisherClosed(_demuxer.DroppedMessages);
            var seconds = _session._time.GetElapsedTime(_started).TotalSeconds;
            Log.PublisherEnded(
                _session._logger, _session._address, Address.App, Address.Stream, seconds, _bytes, _demuxer.DroppedMessages, reason);
        }

        private void LeaveOut(Reason reason)
        {
            Log.TrackLeftOut(_session._logger, _session._address, Address.App, Address.Stream, reason);
            _sink.LeaveOut(reason);
        }

        private void HubClosed()
        {
            var reason = _sink.CloseReason;
            var link = _session._link;
            link.Send(link.NewBatch().Status(0, "status", "NetConnection.Connect.Closed", reason.Detail));
            _session.EndOf(ref _over, reason);
        }
    }
}
