using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Ingest;

/// <summary>
/// A source: its live stream, its timeline, and whose turn it is to publish. Publishers come and go; the stream lives until one leaves politely or
/// the grace time ends. The registry decides, under its lock; packets take only this object's lock.
/// </summary>
public sealed class SourceStream
{
    // What an encoder says before its first media: onMetaData, perhaps a few of its own. What goes beyond is dropped.
    private const int MostEarlyPackets = 16;
    private const int MostEarlyBytes = 1 << 20;

    private readonly Lock _gate = new();
    private readonly Queue<Packet> _early = new();
    private readonly TimeProvider _clock;
    private readonly IngestTimeline _timeline;
    private Publication? _publication;
    private long _lastPacket;
    private bool _held;
    private long _lost;

    internal SourceStream(LiveStream live, AppPolicy policy, TimeProvider clock)
    {
        Live = live;
        Policy = policy;
        _clock = clock;
        _timeline = new IngestTimeline(clock);
    }

    public LiveStream Live { get; }

    public AppPolicy Policy { get; }

    /// <summary>Address of the publisher, or of the last one.</summary>
    public string RemoteAddress { get; private set; } = "";

    public bool HasPublisher
    {
        get
        {
            lock (_gate)
            {
                return _publication is not null;
            }
        }
    }

    /// <summary>Publishers so far.</summary>
    public int Publishers { get; private set; }

    public long TimelineRepairs => _timeline.Repairs;

    /// <summary>Tracks of the publisher that nobody gets, and why.</summary>
    public IReadOnlyList<Reason> LeftOut { get; private set; } = [];

    internal Reason LostReason { get; private set; }

    /// <summary>Gives the turn to a new publisher, replacing a silent one.</summary>
    internal Publication? TryAttach(string remoteAddress, Action<SourceStream, Reason> onCompleted)
    {
        Publication? replaced;
        Publication current;
        lock (_gate)
        {
            // One that we hold because our transcoder is behind is not silent.
            var alive = _clock.GetElapsedTime(_lastPacket) < Policy.TakeoverAfter || (_held && Policy.TakeoverAfter > TimeSpan.Zero);
            if (_publication is not null && alive)
            {
                return null;
            }

            replaced = _publication;
            current = _publication = new Publication(this, onCompleted);
            RemoteAddress = remoteAddress;
            Publishers++;
            _held = false;
            LeftOut = [];
            ForgetEarly();
            _timeline.BeginPublisher();
            _lastPacket = _clock.GetTimestamp();
        }

        replaced?.Close(new Reason(Reasons.PublisherReplaced, $"silent for more than {Policy.TakeoverAfter.TotalSeconds:0.#} s; {remoteAddress} publishes now"));
        return current;
    }

    /// <summary>True when the grace time of a lost publisher is over.</summary>
    internal bool GraceIsOver()
    {
        lock (_gate)
        {
            return _publication is null && _clock.GetElapsedTime(_lost) >= Policy.ReconnectGrace;
        }
    }

    /// <summary>The publisher's turn ends. False if it was not its turn any more.</summary>
    internal bool Detach(Publication publication, Reason reason)
    {
        lock (_gate)
        {
            if (_publication != publication)
            {
                return false;
            }

            _publication = null;
            ForgetEarly();
            _lost = _clock.GetTimestamp();
            LostReason = reason;
            return true;
        }
    }

    /// <summary>So few that the publisher's session bounds their number.</summary>
    internal void LeaveOut(Publication publication, Reason reason)
    {
        lock (_gate)
        {
            LeftOut = _publication == publication ? [.. LeftOut, reason] : LeftOut;
        }
    }

    internal void ClosePublisher(Reason reason)
    {
        Publication? publication;
        lock (_gate)
        {
            publication = _publication;
        }

        publication?.Close(reason);
    }

    /// <summary>Takes over the caller's reference.</summary>
    internal ValueTask WriteAsync(Publication publication, Packet packet, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_publication != publication)
            {
                packet.Release();
                return default;
            }

            _lastPacket = _clock.GetTimestamp();
            if (packet.Track.Kind == TrackKind.Data && !_timeline.HasBegun)
            {
                HoldEarly(packet);
                return default;
            }

            var dts = packet.Dts;
            var pts = packet.Pts;
            var rebased = _timeline.Map(packet.Track.Kind, ref dts, ref pts, packet.Track.Id);
            while (_early.TryDequeue(out var early))
            {
                Live.Publish(At(early, dts, dts, early.Flags));
            }

            Live.Publish(At(packet, dts, pts, packet.Flags | (rebased ? PacketFlags.Discontinuity : PacketFlags.None)));
        }

        var room = Live.Feed.WaitForTranscoderAsync(cancellationToken);
        return room.IsCompletedSuccessfully ? room : HoldAsync(publication, room);
    }

    /// <summary>Data that come first belong to the first media, whose time nobody knows yet; their own is often 0 and would be the stream's beginning.</summary>
    private void HoldEarly(Packet packet)
    {
        if (_early.Count < MostEarlyPackets && _early.Sum(static early => early.Payload.Length) + packet.Payload.Length <= MostEarlyBytes)
        {
            _early.Enqueue(packet);
        }
        else
        {
            packet.Release();
        }
    }

    private void ForgetEarly()
    {
        while (_early.TryDequeue(out var packet))
        {
            packet.Release();
        }
    }

    private static Packet At(Packet packet, MediaTime dts, MediaTime pts, PacketFlags flags)
    {
        if (dts == packet.Dts && pts == packet.Pts && flags == packet.Flags)
        {
            return packet;
        }

        var repaired = packet.Retimed(dts, pts, flags);
        packet.Release();
        return repaired;
    }

    private async ValueTask HoldAsync(Publication publication, ValueTask room)
    {
        SetHeld(publication, true);
        try
        {
            await room.ConfigureAwait(false);
        }
        finally
        {
            SetHeld(publication, false);
        }
    }

    private void SetHeld(Publication publication, bool held)
    {
        lock (_gate)
        {
            if (_publication == publication)
            {
                _held = held;
                _lastPacket = _clock.GetTimestamp();
            }
        }
    }
}
