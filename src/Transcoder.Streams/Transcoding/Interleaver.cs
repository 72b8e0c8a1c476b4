using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Transcoding;

/// <summary>
/// Puts a rendition's picture and sound, which leave the worker as each is done, back into one order by DTS. A packet waits for the other track at
/// most <see cref="Hold"/> of the stream's own time, so a track that falls silent delays nothing for longer.
/// </summary>
internal sealed class Interleaver
{
    /// <summary>Covers an AAC encoder's look-ahead (46 ms at 44.1 kHz) and a few frames of encoding. A longer skew is left as it is.</summary>
    private static readonly MediaTime Hold = MediaTime.FromMilliseconds(300);

    private readonly Queue<Packet> _video = new();
    private readonly Queue<Packet> _audio = new();
    private readonly Action<Packet> _output;
    private MediaTime _newest = MediaTime.MinValue;
    private bool _hasVideo;
    private bool _hasAudio;

    /// <param name="output">Takes over one reference.</param>
    public Interleaver(Action<Packet> output) => _output = output;

    public int Held => _video.Count + _audio.Count;

    /// <summary>Takes over the caller's reference.</summary>
    public void Add(Packet packet)
    {
        if (packet.Track.Kind == TrackKind.Video)
        {
            _hasVideo = true;
            _video.Enqueue(packet);
        }
        else
        {
            _hasAudio = true;
            _audio.Enqueue(packet);
        }

        _newest = MediaTime.Max(_newest, packet.Dts);
        while (Next() is { } queue)
        {
            _output(queue.Dequeue());
        }
    }

    /// <summary>Lets everything go: no more comes, or a new worker goes on from here.</summary>
    public void Flush()
    {
        while (Earlier() is { } queue)
        {
            _output(queue.Dequeue());
        }
    }

    private Queue<Packet>? Next()
    {
        var queue = Earlier();
        if (queue is null || (_video.Count > 0 && _audio.Count > 0))
        {
            return queue;
        }

        var otherExists = queue == _video ? _hasAudio : _hasVideo;
        return !otherExists || _newest - queue.Peek().Dts > Hold ? queue : null;
    }

    private Queue<Packet>? Earlier()
    {
        if (_video.Count == 0)
        {
            return _audio.Count == 0 ? null : _audio;
        }

        return _audio.Count == 0 || _video.Peek().Dts <= _audio.Peek().Dts ? _video : _audio;
    }
}
