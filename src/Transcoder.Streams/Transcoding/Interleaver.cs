using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Transcoding;

/// <summary>
/// Puts a rendition's picture and sound, which leave the worker as each is done, back into one order by DTS. A packet waits for the other track, but
/// never for long: a track that falls silent delays nothing for more than <see cref="Wait"/>, one that has yet to begin for <see cref="Patience"/>.
/// </summary>
internal sealed class Interleaver
{
    /// <summary>Covers an AAC encoder's look-ahead (46 ms at 44.1 kHz) and a few frames of encoding.</summary>
    private static readonly MediaTime Hold = MediaTime.FromMilliseconds(300);

    /// <summary>What a packet further apart than that waits by the wall clock: covers an encoder that is behind on a loaded machine. A longer skew is left as it is.</summary>
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(1);

    /// <summary>A worker opens its decoders and catches up with what was kept of the source: in a burst the stream's own time says little.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Eleven seconds of AAC: sound may be encoded that much earlier than the first picture opens the rendition, on a very loaded machine.</summary>
    private const int MostBeforeBegin = 512;

    private readonly Lane _video;
    private readonly Lane _audio;
    private readonly Action<Packet> _output;
    private readonly TimeProvider _clock;
    private MediaTime _newest = MediaTime.MinValue;
    private bool _hasBegun;

    /// <param name="output">Takes over one reference.</param>
    public Interleaver(Action<Packet> output, TimeProvider clock)
    {
        _output = output;
        _clock = clock;
        _video = new Lane(clock);
        _audio = new Lane(clock);
    }

    private enum Flow
    {
        /// <summary>Nothing says that the track exists.</summary>
        None,

        /// <summary>It is to begin, or to begin again, or has begun and is far behind.</summary>
        Expected,
        Running,
    }

    public int Held => _video.Packets.Count + _audio.Packets.Count;

    public int HeldPictures => _video.Packets.Count;

    /// <summary>A worker begins: what it is to send is waited for. What came before the first of these calls leaves with the next packet.</summary>
    public void Expect(bool video, bool audio)
    {
        _hasBegun = true;
        if (video)
        {
            _video.Expect();
        }

        if (audio)
        {
            _audio.Expect();
        }
    }

    /// <summary>Takes over the caller's reference.</summary>
    public void Add(Packet packet)
    {
        if (_newest != MediaTime.MinValue && packet.Dts - _newest > Hold)
        {
            // The source paused: its tracks begin again one after the other.
            _video.ExpectAgain();
            _audio.ExpectAgain();
        }

        _newest = MediaTime.Max(_newest, packet.Dts);
        (packet.Track.Kind == TrackKind.Video ? _video : _audio).Add(packet, hasCaughtUp: _newest - packet.Dts <= Hold);
        while (Next() is { } lane)
        {
            _output(lane.Take());
        }
    }

    /// <summary>Lets everything go: no more comes until the next beginning.</summary>
    public void Flush()
    {
        _hasBegun = false;
        while (Earlier() is { } lane)
        {
            _output(lane.Take());
        }
    }

    private Lane? Next()
    {
        var lane = Earlier();
        if (!_hasBegun)
        {
            return Held > MostBeforeBegin ? lane : null;
        }

        if (lane is null || (_video.Packets.Count > 0 && _audio.Packets.Count > 0))
        {
            return lane;
        }

        var mayLeave = (lane == _video ? _audio : _video) switch
        {
            { Flow: Flow.None } => true,
            { Flow: Flow.Expected } other => _clock.GetElapsedTime(other.ExpectedSince) > Patience,
            _ => _newest - lane.Packets.Peek().Packet.Dts > Hold && _clock.GetElapsedTime(lane.Packets.Peek().Arrived) > Wait,
        };
        return mayLeave ? lane : null;
    }

    private Lane? Earlier()
    {
        if (_video.Packets.Count == 0)
        {
            return _audio.Packets.Count == 0 ? null : _audio;
        }

        return _audio.Packets.Count == 0 || _video.Packets.Peek().Packet.Dts <= _audio.Packets.Peek().Packet.Dts ? _video : _audio;
    }

    private sealed class Lane(TimeProvider clock)
    {
        public Queue<(Packet Packet, long Arrived)> Packets { get; } = new();

        public Flow Flow { get; private set; }

        public long ExpectedSince { get; private set; }

        public void Expect()
        {
            Flow = Flow.Expected;
            ExpectedSince = clock.GetTimestamp();
        }

        public void ExpectAgain()
        {
            if (Flow == Flow.Running)
            {
                Expect();
            }
        }

        /// <param name="hasCaughtUp">Near the other track; what trickles in from before a pause is no beginning yet.</param>
        public void Add(Packet packet, bool hasCaughtUp)
        {
            Packets.Enqueue((packet, clock.GetTimestamp()));
            if (hasCaughtUp)
            {
                Flow = Flow.Running;
            }
            else if (Flow == Flow.None)
            {
                Expect();
            }
        }

        public Packet Take() => Packets.Dequeue().Packet;
    }
}
