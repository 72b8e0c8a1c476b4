using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;

namespace Transcoder.Media.Workers;

/// <summary>
/// A worker asks for places for its encoders before it opens any. The daemon answers with one <see cref="LeaseGrant"/> per demand. A worker whose session
/// failed closes the lease with what happened and asks again; a demand stands until it is granted or refused.
/// </summary>
/// <param name="Decoder">Where the source is decoded: frames are there already.</param>
/// <param name="SourceWidth">Pixels of the decoded picture.</param>
/// <param name="SourceFrameRate">Frames a second.</param>
public sealed record LeaseRequest(DeviceRef Decoder, int SourceWidth, int SourceHeight, double SourceFrameRate, IReadOnlyList<EncodeDemand> Demands);

/// <param name="Number">The rendition's number on the link.</param>
/// <param name="Settings">As planned from the ladder and the source; a grant may change them (<c>reduce</c>).</param>
public sealed record EncodeDemand(int Number, VideoEncoderSettings Settings);

/// <summary>When a rendition that runs goes over to its new place.</summary>
public enum LeaseStart : byte
{
    /// <summary>With the next frame, as an IDR: a first grant, or the old place is no good any more.</summary>
    Now,

    /// <summary>At the next point of the keyframe grid: the old place still works.</summary>
    NextKeyframe,
}

/// <summary>The daemon's answer to a demand, or its order to move. A later grant for the same number replaces an earlier one.</summary>
/// <param name="Lease">0: refused, and <see cref="Reason"/> says why.</param>
/// <param name="Place">Where; none with a refusal.</param>
/// <param name="Settings">What to encode; differs from the demand where policy reduced it. A lower frame rate means frames are left out by plan.</param>
/// <param name="Reason">Why there, or why not.</param>
public sealed record LeaseGrant(int Number, long Lease, DeviceRef Place, VideoEncoderSettings Settings, LeaseStart Start, Reason Reason);

/// <summary>How a lease ended. The daemon decides what it means for the device: full is told from broken by what the monitor shows.</summary>
public enum LeaseOutcome : byte
{
    /// <summary>The rendition ended or moved; the session closed in order.</summary>
    Released,

    /// <summary>The session could not be opened.</summary>
    OpenFailed,

    /// <summary>The session failed after it had opened.</summary>
    EncoderFailed,

    /// <summary>The session took frames and gave none, or a call into the driver didn't return. The worker may have to end for it.</summary>
    Hung,
}

/// <param name="Error">The AVERROR or driver code, 0 where there is none.</param>
/// <param name="Message">The codec's own words.</param>
/// <param name="Closing">The session is still in the driver, as one that hangs always is: <see cref="LeaseOutcome.Released"/> follows when it has closed.</param>
public sealed record LeaseClosed(long Lease, LeaseOutcome Outcome, int Error, string Message, bool Closing = false);

/// <summary>A session that runs cannot keep up: sent at once, not with the report, so that the daemon can move it before frames are lost.</summary>
/// <param name="EncodeRatio">Time in the encoder by the frames' own duration over the last half second; above 1 it falls behind.</param>
public sealed record LeaseStrained(long Lease, double EncodeRatio);

/// <summary>The source is decoded there from now on.</summary>
public sealed record DecoderStarted(DeviceRef Place);

/// <summary>A decoder failed on a device that decodes such sources otherwise.</summary>
/// <param name="Hangs">A call into the driver didn't return: the worker ends for it.</param>
/// <param name="Message">The codec's own words.</param>
public sealed record DecoderFailed(DeviceRef Place, bool Hangs, string Message);

/// <summary>The daemon's order to decode elsewhere: the place of now is no good any more.</summary>
/// <param name="Places">In the order to try; empty: on the CPU.</param>
public sealed record DecodeMove(IReadOnlyList<DeviceRef> Places, Reason Reason);
