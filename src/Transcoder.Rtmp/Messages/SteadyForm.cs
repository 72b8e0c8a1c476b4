using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;

namespace Transcoder.Rtmp.Messages;

/// <summary>
/// How a stream's last run went out where it was sent as it was, until anything changes: asked for each player and run, so all that the answer takes is in one line of the cache, or two.
/// Written by one, but what takes it back comes from any thread.
/// </summary>
internal sealed class SteadyForm(int chunkSize)
{
    private const int Unknown = 0;
    private const int Asked = 1;
    private const int Known = 2;

    private Track? _video;
    private Track? _audio;
    private FlvForms _forms;
    private int _state;

    /// <summary>The run's image, where somebody has made it and it is sent as the last run was; null where that is to be found out.</summary>
    public WireImage? ImageOf(PacketRun run) =>
        Volatile.Read(ref _state) == Known && run.IsUniform && (run.Video is null || ReferenceEquals(run.Video, _video)) && (run.Audio is null || ReferenceEquals(run.Audio, _audio))
            ? (run.Image as WireImage)?.Find(chunkSize, _forms)
            : null;

    /// <summary>Before looking: a change that comes meanwhile makes that the answer is not kept.</summary>
    /// <returns>Whether the last answer still held.</returns>
    public bool Ask() => Interlocked.Exchange(ref _state, Asked) == Known;

    /// <summary>After looking.</summary>
    /// <param name="held">What <see cref="Ask"/> said: a run of one kind says nothing about the other.</param>
    public void Keep(PacketRun run, FlvForms forms, bool held)
    {
        var same = held && forms == _forms;
        _video = run.Video ?? (same ? _video : null);
        _audio = run.Audio ?? (same ? _audio : null);
        _forms = forms;
        Interlocked.CompareExchange(ref _state, Known, Asked);
    }

    /// <summary>As <see cref="Transcoder.Media.Ports.IRunReceiver.Approach"/>.</summary>
    public void Approach()
    {
        _ = Volatile.Read(ref _state);
        _ = Volatile.Read(ref _video);
    }

    public void Forget() => Interlocked.Exchange(ref _state, Unknown);
}
