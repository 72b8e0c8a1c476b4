using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Pipeline.Encoding;
using Transcoder.Pipeline.Links;
using Transcoder.Pipeline.Planning;
using Transcoder.Pipeline.Threads;

namespace Transcoder.Pipeline.Audio;

/// <summary>The audio thread: packets of the link to coded units of all renditions. Sound is light work; one thread does all of it.</summary>
internal sealed class AudioPath(PipelineScope scope) : IDisposable
{
    private const int QueuedPackets = 256;
    private const int QueuedBytes = 1 << 20;

    // Sound waits so long for the picture's plan; the queue holds several times as much.
    private static readonly TimeSpan PlanDeadline = TimeSpan.FromSeconds(1);

    // A source's first sound may come before its picture is announced; sound alone starts this much later.
    private static readonly TimeSpan AnnounceDeadline = TimeSpan.FromMilliseconds(300);

    private readonly RestartBudget _restarts = RestartBudget.ForCodecs(scope.Time);
    private readonly List<AudioLane> _lanes = [];
    private Track? _track;
    private IDevice? _device;
    private IDecoder? _decoder;
    private bool _planned;

    public PacketQueue Queue { get; } = new(QueuedPackets, QueuedBytes);

    public void Run(PipelineThread thread)
    {
        while (Next(thread, out var item))
        {
            if (item.Track is { } track)
            {
                ChangeTrack(track);
            }
            else if (item.Packet is { } packet)
            {
                try
                {
                    Decode(packet);
                }
                finally
                {
                    packet.Release();
                }
            }
            else
            {
                Drain();
                _lanes.ForEach(lane => lane.Drain());
                return;
            }
        }
    }

    /// <summary>From any thread.</summary>
    public void Abort() => Queue.Abort();

    /// <summary>Once the thread has ended.</summary>
    public void Dispose()
    {
        _decoder?.Dispose();
        _lanes.ForEach(lane => lane.Dispose());
    }

    private bool Next(PipelineThread thread, out LinkItem item)
    {
        thread.Idle();
        var some = Queue.Take(out item);
        thread.Busy();
        return some;
    }

    private void ChangeTrack(Track track)
    {
        if (track.Equals(_track) && _decoder is not null)
        {
            return;
        }

        Drain();
        _track = track;
        Open(track);
    }

    private void Open(Track track)
    {
        _decoder?.Dispose();
        _decoder = null;
        if (!scope.Renditions.Any(rendition => rendition.Job.Spec.Audio is not null))
        {
            return;
        }

        try
        {
            // Sound is light work: it stays on the CPU wherever the picture goes.
            _device = scope.Encoders.Cpu;
            _decoder = _device.OpenDecoder(track);
        }
        catch (CodecException exception)
        {
            scope.End(new Reason(Reasons.DecoderFailed, $"the source's {track.Codec.Name()} audio can't be decoded: {exception.Message}"));
        }
    }

    private void Decode(Packet packet)
    {
        scope.Source.CountAudioPacket();
        if (_decoder is null)
        {
            return;
        }

        try
        {
            if (!_decoder.Send(packet))
            {
                scope.Source.CountDamage();
            }

            Receive();
        }
        catch (CodecException exception)
        {
            scope.Source.CountDamage();
            if (_restarts.TryRestart())
            {
                Open(_track!);
            }
            else
            {
                scope.End(new Reason(Reasons.DecoderFailed, $"the audio decoder failed again and again: {exception.Message}"));
            }
        }
    }

    private void Drain()
    {
        try
        {
            if (_decoder?.Send(null) == true)
            {
                Receive();
            }
        }
        catch (CodecException exception)
        {
            // The decoder is given up at this point anyway; what it still held is lost with it.
            scope.Source.CountDamage();
            scope.Link.Log("Warning", new Reason(Reasons.DecoderFailed, exception.Message));
        }

        _decoder?.Dispose();
        _decoder = null;
    }

    private void Receive()
    {
        while (_decoder!.Receive(out var frame) == CodecStatus.Ok)
        {
            try
            {
                if (frame!.Samples == 0 || frame.SampleRate == 0)
                {
                    continue;
                }

                scope.Source.AudioDecoded(frame.Pts);
                if (!_planned)
                {
                    _planned = true;
                    Plan(frame);
                }

                foreach (var lane in _lanes)
                {
                    lane.Push(frame);
                }
            }
            finally
            {
                frame!.Release();
            }
        }
    }

    /// <summary>One lane for each format, frame size and sample grid; one encoder for each setting on it.</summary>
    private void Plan(Frame first)
    {
        // A rendition that is left out for its picture must not begin with sound.
        if (scope.Renditions.Any(rendition => rendition.Job.Spec.Video is not null) && !scope.VideoSettled.Wait(AnnounceDeadline) && scope.HasVideo)
        {
            scope.VideoSettled.Wait(PlanDeadline);
        }

        var source = new AudioFormat(first.SampleRate, first.Channels);
        var outputs = scope.Renditions
            .Where(rendition => rendition.Job.Spec.Audio is not null && (!rendition.HasEnded || rendition.IsParked))
            .GroupBy(rendition => AudioPlanner.Settle(rendition.Job.Spec.Audio!, source))
            .SelectMany(group => AudioOutput.Open(scope, group.Key, [.. group]))
            .ToList();
        foreach (var format in outputs.GroupBy(output => (output.Format, output.FrameSize)))
        {
            var fresh = format.Where(output => output.Start is null).ToList();
            foreach (var grid in format.Where(output => output.Start is not null).GroupBy(output => output.Start!.Value % format.Key.FrameSize))
            {
                // Encoders that begin anew join the first grid there is.
                AddLane(format.Key.Format, format.Key.FrameSize, grid.Min(output => output.Start!.Value), [.. grid, .. fresh]);
                fresh.Clear();
            }

            if (fresh.Count > 0)
            {
                AddLane(format.Key.Format, format.Key.FrameSize, first.Pts.ToSamples(format.Key.Format.SampleRate), fresh);
            }
        }
    }

    private void AddLane(AudioFormat format, int frameSize, long start, IReadOnlyList<AudioOutput> outputs) =>
        _lanes.Add(new AudioLane(_device!, format, frameSize, start, outputs));
}
