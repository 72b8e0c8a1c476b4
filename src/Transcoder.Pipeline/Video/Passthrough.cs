using System.Globalization;
using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Pipeline.Planning;
using Transcoder.Pipeline.Renditions;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// Renditions that the source already is: its own packets are handed on, without decoding. Decided once enough of the source has been seen; a rendition
/// that the source no longer fits is encoded from the source's next keyframe on. On the decode thread.
/// </summary>
internal sealed class Passthrough(PipelineScope scope)
{
    private const double BitrateTolerance = 1.1;

    // Keyframes are as regular as the source's clock, which RTMP rounds; a frame more is no break of the rule.
    private static readonly MediaTime DistanceTolerance = MediaTime.FromMilliseconds(100);

    private readonly SourceMeasure _measure = new();
    private readonly List<Outlet> _outlets = [];
    private readonly List<Rendition> _fallen = [];
    private Track? _track;
    private bool _decided;

    /// <summary>A rendition may pass through, and the source has not shown enough: its packets wait for that.</summary>
    public bool IsDeciding => !_decided && _track is not null && scope.Renditions.Any(MayPass);

    public bool IsEnough => _measure.IsEnough;

    public void SetTrack(Track track) => _track = track;

    public void Measure(Packet packet) => _measure.Add(packet);

    public void Decide()
    {
        _decided = true;
        foreach (var rendition in scope.Renditions.Where(MayPass))
        {
            if (Mismatch(rendition, _measure.BitrateSoFar) is { } why)
            {
                scope.Link.Log("Information", $"{rendition.Name}: encoded, because {why}");
                continue;
            }

            rendition.PassesThrough = true;
            _outlets.Add(new Outlet(scope, rendition));
        }
    }

    /// <summary>Hands a packet on.</summary>
    /// <returns>Renditions that are encoded from this packet on, which is a keyframe.</returns>
    public IReadOnlyList<Rendition> Forward(Packet packet)
    {
        _fallen.Clear();
        for (var i = _outlets.Count - 1; i >= 0; i--)
        {
            var outlet = _outlets[i];
            if (outlet.Rendition.HasEnded)
            {
                outlet.Close();
                _outlets.RemoveAt(i);
                continue;
            }

            if (packet.IsKeyframe && Mismatch(outlet.Rendition, _measure.Bitrate) is { } why)
            {
                scope.Link.Log("Information", $"{outlet.Rendition.Name}: encoded from {packet.Pts} on, because {why}");
                outlet.Close();
                _outlets.RemoveAt(i);
                outlet.Rendition.PassesThrough = false;
                _fallen.Add(outlet.Rendition);
                continue;
            }

            if (outlet.Begins(packet))
            {
                outlet.Rendition.Started(Started(outlet.Rendition));
            }

            outlet.Offer(packet);
        }

        return _fallen;
    }

    public void Drain() => _outlets.ForEach(outlet => outlet.Close());

    // One that was encoded before goes on so: between its last picture and the source's next keyframe there would be a gap.
    private bool MayPass(Rendition rendition) =>
        rendition.Job.Spec.Video is { AllowPassthrough: true } spec && spec.Codec == _track!.Codec && !rendition.HasEnded &&
        (rendition.Job.ResumesPassthrough || rendition.Job.ResumeVideoAfter == MediaTime.MinValue);

    private double FrameRate => FrameRateEstimate.IsPlausible(_track!.Video.FrameRate) ? _track.Video.FrameRate : _measure.FrameRate;

    /// <returns>Why the source is not what the rung asks for; null: it is.</returns>
    private string? Mismatch(Rendition rendition, double bitrate)
    {
        var spec = rendition.Job.Spec.Video!;
        var video = _track!.Video;
        if (spec.Codec != _track.Codec)
        {
            return $"the source is {_track.Codec.Name()}";
        }

        if (_measure.KeyframeDistance > scope.Job.KeyframeInterval + DistanceTolerance)
        {
            return $"the source's keyframes are {_measure.KeyframeDistance.Seconds.ToString("0.0", CultureInfo.InvariantCulture)} s apart";
        }

        if (bitrate > spec.Bitrate * BitrateTolerance)
        {
            return $"the source has {Kilobits(bitrate)}";
        }

        var plan = TranscodePlanner.Plan(scope.Job.Renditions, new SourcePicture(video.Width, video.Height, 1, FrameRate), scope.Job.KeyframeInterval);
        var planned = plan.Renditions.FirstOrDefault(each => each.Number == rendition.Number);
        return planned is null || planned.Settings.Width != video.Width || planned.Settings.Height != video.Height ? $"the source is {video.Width}x{video.Height}"
            : planned.ReducedFrameRate > 0 ? "the source's frame rate is higher"
            : null;
    }

    private RenditionStarted Started(Rendition rendition) => new(
        "source", "passthrough", $"{_track!.Codec.Name()} of the source, unchanged", "", _track.Video.Width, _track.Video.Height, FrameRate,
        new Reason(Reasons.Passthrough, $"the source already is {_track.Video.Width}x{_track.Video.Height} {_track.Codec.Name()} at {Kilobits(_measure.BitrateSoFar)}"));

    private static string Kilobits(double bitrate) => $"{(bitrate / 1000).ToString("0", CultureInfo.InvariantCulture)} kbit/s";

    /// <summary>One rendition. A packet is held until it is known whether it is a boundary, which without B-frames it is at once.</summary>
    private sealed class Outlet(PipelineScope scope, Rendition rendition)
    {
        private bool _begun = rendition.Job.ResumesPassthrough;
        private bool _told;
        private Packet? _held;
        private MediaTime _lastDts = rendition.VideoLeft;
        private MediaTime _latest = rendition.VideoLeft;

        public Rendition Rendition => rendition;

        /// <summary>It is the first that is handed on.</summary>
        public bool Begins(Packet packet)
        {
            _begun |= packet.IsKeyframe;
            var begins = !_told && _begun && packet.Pts > rendition.Job.ResumeVideoAfter;
            _told |= begins;
            return begins;
        }

        public void Offer(Packet packet)
        {
            if (!_begun || packet.Pts <= rendition.Job.ResumeVideoAfter)
            {
                return;
            }

            rendition.Frames.Offered();

            // Once a picture goes beyond all earlier ones, those before the last such one have all come.
            Send(boundary: packet.Pts > _latest);
            _latest = MediaTime.Max(_latest, packet.Pts);
            packet.AddReference();
            _held = packet;
            if (packet.Pts == packet.Dts && packet.Pts == _latest)
            {
                Send(boundary: true);
            }
        }

        public void Close()
        {
            Send(boundary: true);
            rendition.VideoLeft = _latest;
        }

        private void Send(bool boundary)
        {
            if (_held is not { } packet)
            {
                return;
            }

            _held = null;
            var dts = MediaTime.Min(MediaTime.Max(packet.Dts, _lastDts), packet.Pts);
            _lastDts = dts;
            rendition.Announce(packet.Track);
            scope.Link.SendPacket(
                rendition.Number, TrackKind.Video, dts, packet.Pts, packet.Flags, boundary ? WorkerPacketFlags.Boundary : WorkerPacketFlags.None, packet.Payload.Span);
            rendition.Frames.Encoded(1);
            packet.Release();
        }
    }
}
