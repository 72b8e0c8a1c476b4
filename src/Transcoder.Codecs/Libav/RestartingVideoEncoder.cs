using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Libav;

/// <summary>
/// For encoders that can't be asked for a keyframe (SVT-AV1 through FFmpeg 5.1 ignores the picture type, 6 and later heed it in some modes only):
/// at each forced keyframe the running encoder is drained and a new one begins, so the grid holds on every version.
/// </summary>
internal sealed class RestartingVideoEncoder : IVideoEncoder
{
    private readonly Func<LibavVideoEncoder> _open;

    // Oldest first; only the last one takes frames. More than two only when keyframes are forced closer together than the encoder's delay.
    private readonly Queue<LibavVideoEncoder> _encoders = new();
    private LibavVideoEncoder _current;
    private bool _fresh = true;
    private bool _endedFresh;

    public RestartingVideoEncoder(Func<LibavVideoEncoder> open)
    {
        _open = open;
        _current = open();
        _encoders.Enqueue(_current);
        Track = _current.Track;
    }

    public Track Track { get; }

    public string Description => _current.Description;

    public void Send(Frame? frame, bool forceKeyframe)
    {
        if (frame is not null && forceKeyframe && !_fresh)
        {
            var next = _open();
            _current.Send(null, false);
            _current = next;
            _encoders.Enqueue(next);
        }

        // SVT-AV1 never answers an end that comes before its first picture.
        _endedFresh = frame is null && _fresh;
        if (_endedFresh)
        {
            return;
        }

        _current.Send(frame, forceKeyframe);
        _fresh = false;
    }

    public CodecStatus Receive(out EncodedUnit unit)
    {
        if (_endedFresh)
        {
            unit = default;
            return CodecStatus.EndOfStream;
        }

        while (true)
        {
            var oldest = _encoders.Peek();
            var status = oldest.Receive(out unit);
            if (status == CodecStatus.Ok || oldest == _current)
            {
                return status;
            }

            // A drained encoder wants no more: what it says is the end.
            _encoders.Dequeue().Dispose();
        }
    }

    public void Dispose()
    {
        while (_encoders.TryDequeue(out var encoder))
        {
            encoder.Dispose();
        }
    }
}
