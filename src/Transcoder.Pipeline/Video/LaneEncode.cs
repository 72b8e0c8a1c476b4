using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Pipeline.Encoding;
using Transcoder.Pipeline.Threads;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// Pictures into a session, packets out of it, whichever session it is: pictures that have not left go into the next one. On the encode thread.
/// </summary>
internal sealed class LaneEncode(PipelineScope scope, LaneMembers members)
{
    private readonly LaneOutput _output = new(scope, members);

    /// <summary>Adds a reference: the picture is kept until its packet has left.</summary>
    public void Add(in Picture picture) => _output.InFlight.Add(picture);

    /// <summary>Encodes a picture that was added.</summary>
    public void Send(VideoSession session, in Picture picture, PipelineThread thread)
    {
        if (Bring(session, picture) is not { } frame)
        {
            _output.InFlight.Remove(picture.Frame.Pts);
            return;
        }

        try
        {
            session.Send(frame, picture.Keyframe, thread);
        }
        finally
        {
            frame.Release();
        }

        Receive(session, thread);
    }

    /// <summary>Gives a new session everything that has not left, the first frame as an IDR.</summary>
    public void SendAgain(VideoSession session, PipelineThread thread)
    {
        var again = _output.Rewind();
        try
        {
            foreach (var picture in again)
            {
                Send(session, picture, thread);
            }
        }
        finally
        {
            foreach (var picture in again)
            {
                picture.Release();
            }
        }
    }

    /// <summary>The session gives out what it holds and takes no more.</summary>
    public void Drain(VideoSession session, PipelineThread thread)
    {
        session.Drain(thread);
        if (Receive(session, thread) != CodecStatus.EndOfStream)
        {
            throw new CodecException("did not drain");
        }

        // Whatever is still held came out of order at the very end: it leaves as it is.
        _output.Flush();
    }

    /// <summary>What has not left is lost.</summary>
    public void Clear() => _output.Clear();

    /// <returns>Null where the frame went with the device that had it.</returns>
    private Frame? Bring(VideoSession session, in Picture picture)
    {
        var cpu = scope.Encoders.Cpu;
        try
        {
            return session.Bring(picture.Frame, picture.On, cpu);
        }
        catch (CodecException exception) when (picture.On != session.Device && picture.On != cpu)
        {
            if (picture.Original is { } original)
            {
                return session.Bring(original, cpu, cpu);
            }

            scope.Link.Log("Warning", $"{members.Name}: the frame at {picture.Frame.Pts} was lost with {picture.On.Name}: {exception.Message}");
            return null;
        }
    }

    private CodecStatus Receive(VideoSession session, PipelineThread thread)
    {
        while (true)
        {
            var status = session.Receive(out var unit, thread);
            if (status != CodecStatus.Ok)
            {
                return status;
            }

            _output.Add(unit, session.Track, session.Grant.Settings.BFrames > 0);
        }
    }
}
