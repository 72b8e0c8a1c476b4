using Transcoder.Media;
using Transcoder.Media.Ports;
using Transcoder.Rtmp.Connections;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Sessions;

/// <content>The session's streams are its parts: they share its link, options and log.</content>
internal sealed partial class RtmpSession
{
    /// <summary>
    /// One stream that this connection plays. Mostly it goes out where it is published, by the pump; the task is for what is not as everyone gets it, and for slow connections:
    /// it takes what the hub has, as much as fits a batch. The session's loop goes on reading meanwhile, so that a client which only writes is still read.
    /// </summary>
    private sealed class PlayStream
    {
        private readonly RtmpSession _session;
        private readonly IPacketSource _source;
        private readonly uint _streamId;
        private readonly long _started;
        private readonly CancellationTokenSource _ending = new();
        private readonly ImagePump _pump;
        private readonly Task _pumping;
        private Reason? _end;
        private int _over;

        public PlayStream(RtmpSession session, StreamAddress address, IPacketSource source, uint streamId, TrackSelection selection)
        {
            _session = session;
            _source = source;
            _streamId = streamId;
            _started = session._time.GetTimestamp();
            Address = address;
            Interlocked.Increment(ref session._running);
            session._statistics.PlayerOpened();
            Log.PlayerOpened(session._logger, session._address, address.App, address.Stream);
            Composer = new MessageComposer(session._muxer, publishing: false, session._peer, selection);
            _pump = new ImagePump(session._link.Writer, Composer, streamId, session._options.BatchBytes, EndOfFault);
            source.DeliverTo(_pump);
            _pumping = PumpAsync();
        }

        public StreamAddress Address { get; }

        /// <summary>Holds the switches of pause, receiveAudio and receiveVideo.</summary>
        public MessageComposer Composer { get; }

        public async ValueTask CloseAsync(Reason reason)
        {
            await _ending.CancelAsync();
            await _pumping;
            _source.Dispose();
            _ending.Dispose();
            _session.TakeOff(ref _over);
            _session._statistics.PlayerClosed();
            var seconds = _session._time.GetElapsedTime(_started).TotalSeconds;
            Log.PlayerEnded(
                _session._logger, _session._address, Address.App, Address.Stream, seconds, _pump.BytesWritten, _source.DroppedPackets, _end ?? reason);
        }

        private async Task PumpAsync()
        {
            var token = _ending.Token;
            try
            {
                while (await _source.WaitToReadAsync(token))
                {
                    if (!await _pump.WriteAsync(_source, token))
                    {
                        // The reading side learns why the connection takes no more.
                        return;
                    }

                    if (Composer.RefusedTrack is { } track)
                    {
                        Fail(_session.Unreadable(Address, track));
                        return;
                    }
                }

                Farewell(_source.EndReason);
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
                EndOfFault(exception);
            }
        }

        private void EndOfFault(Exception exception)
        {
            Log.InternalError(_session._logger, exception, _session._address);
            _session.End(new Reason(Reasons.InternalError, exception.GetType().Name));
        }

        private void Fail(Reason reason)
        {
            _end = reason;
            var link = _session._link;
            link.Send(link.NewBatch().Status(_streamId, "error", "NetStream.Play.Failed", reason.Detail));
            _session.EndOf(ref _over, reason);
        }

        private void Farewell(Reason reason)
        {
            _end = reason;
            var link = _session._link;
            link.Send(link.NewBatch()
                .Status(_streamId, "status", "NetStream.Play.UnpublishNotify", $"{Address} has ended.")
                .UserControl(UserControlEvent.StreamEof, _streamId)
                .Status(_streamId, "status", "NetStream.Play.Stop", $"{Address} has ended."));
            _session.EndOf(ref _over, reason);
        }
    }
}
