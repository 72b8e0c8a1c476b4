using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Pipeline.Renditions;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// One rendition as a lane serves it: it has its own beginning, counters and decoding times, whoever it shares the encoder with. The decode thread offers,
/// the encode thread delivers.
/// </summary>
/// <param name="after">Frames up to this time are not this rendition's any more: they left before.</param>
internal sealed class LaneMember(Rendition rendition, MediaTime after)
{
    private readonly MediaTime _after = after;
    private readonly int _life = rendition.Life;
    private long _offeredTo = long.MinValue;

    public Rendition Rendition => rendition;

    /// <summary>Also when it lives again: another member serves it then.</summary>
    public bool HasEnded => rendition.HasEnded || rendition.Life != _life;

    /// <summary>The first frame after its beginning has been queued. The decode thread's.</summary>
    public bool Begun { get; set; }

    /// <summary>What left before has no later DTS than its boundary's PTS. The encode thread's.</summary>
    public MediaTime LastDts { get; set; } = after;

    /// <summary>The frame is for this rendition, if it still takes any.</summary>
    public bool Wants(MediaTime pts) => pts > _after && !HasEnded;

    public void Offered(MediaTime pts)
    {
        Volatile.Write(ref _offeredTo, pts.Nanoseconds);
        rendition.Begin(pts);
        rendition.Frames.Offered();
    }

    /// <summary>The frame was offered to this rendition.</summary>
    public bool Has(MediaTime pts) => pts > _after && pts.Nanoseconds <= Volatile.Read(ref _offeredTo);
}

/// <summary>The renditions that share one lane. Renditions are added on the decode thread and never taken out: one that has ended takes no frames.</summary>
internal sealed class LaneMembers(IReadOnlyList<LaneMember> first)
{
    private LaneMember[] _all = [.. first];

    public IReadOnlyList<LaneMember> All => Volatile.Read(ref _all);

    public bool HaveEnded => Array.TrueForAll(Volatile.Read(ref _all), member => member.HasEnded);

    /// <summary>For log lines and thread names.</summary>
    public string Name => string.Join('+', All.Select(member => member.Rendition.Name));

    public void Add(LaneMember member) => Volatile.Write(ref _all, [.. _all, member]);

    public bool Offer(MediaTime pts, out bool begins)
    {
        begins = false;
        var wanted = false;
        foreach (var member in _all)
        {
            if (member.Wants(pts))
            {
                wanted = true;
                begins |= !member.Begun;
                member.Offered(pts);
            }
        }

        return wanted;
    }

    /// <summary>The frame is queued, and it is a keyframe where one of them begins.</summary>
    public void Begin(MediaTime pts)
    {
        foreach (var member in _all)
        {
            member.Begun |= member.Has(pts);
        }
    }

    public void Encoded(MediaTime pts)
    {
        foreach (var member in All)
        {
            if (!member.Has(pts))
            {
                continue;
            }

            if (member.HasEnded)
            {
                member.Rendition.Frames.Lost(1);
            }
            else
            {
                member.Rendition.Frames.Encoded(1);
            }
        }
    }

    public void Lost(MediaTime pts)
    {
        foreach (var member in All)
        {
            if (member.Has(pts))
            {
                member.Rendition.Frames.Lost(1);
            }
        }
    }

    public void DroppedLate(MediaTime pts)
    {
        foreach (var member in All)
        {
            if (member.Has(pts))
            {
                member.Rendition.Frames.DroppedLate(1);
            }
        }
    }

    public void DroppedByPlan(MediaTime pts)
    {
        foreach (var member in All)
        {
            if (member.Has(pts))
            {
                member.Rendition.Frames.DroppedByPlan();
            }
        }
    }

    /// <summary>Hands a coded picture to each of them.</summary>
    public void Send(Track track, MediaTime dts, MediaTime pts, PacketFlags flags, WorkerPacketFlags linkFlags, ReadOnlySpan<byte> payload)
    {
        foreach (var member in All)
        {
            if (!member.Has(pts) || member.HasEnded)
            {
                continue;
            }

            // Strictly increasing where there is room below the PTS: some players refuse two packets of one DTS.
            var last = member.LastDts;
            var own = dts > last ? dts : MediaTime.Max(last, MediaTime.Min(last + MediaTime.FromMilliseconds(1), pts));
            member.LastDts = own = MediaTime.Min(own, pts);
            member.Rendition.Announce(track);
            member.Rendition.Send(TrackKind.Video, own, pts, flags, linkFlags, payload);
        }
    }
}
