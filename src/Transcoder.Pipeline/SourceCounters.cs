using Transcoder.Media.Time;

namespace Transcoder.Pipeline;

/// <summary>What came in and what became of it. Each counter has one writing thread, but the damage counter.</summary>
internal sealed class SourceCounters
{
    private long _frames;
    private long _videoPackets;
    private long _audioPackets;
    private long _damaged;
    private long _videoReached = long.MinValue;
    private long _audioReached = long.MinValue;

    public long Frames => Interlocked.Read(ref _frames);

    public long VideoPackets => Interlocked.Read(ref _videoPackets);

    public long AudioPackets => Interlocked.Read(ref _audioPackets);

    public long Damaged => Interlocked.Read(ref _damaged);

    /// <summary>How far decoding has come on the source's timeline; null before the first frame. Video counts where there is any.</summary>
    public MediaTime? Reached
    {
        get
        {
            var video = Interlocked.Read(ref _videoReached);
            var reached = video != long.MinValue ? video : Interlocked.Read(ref _audioReached);
            return reached == long.MinValue ? null : new MediaTime(reached);
        }
    }

    public void CountVideoPacket() => Interlocked.Increment(ref _videoPackets);

    public void CountAudioPacket() => Interlocked.Increment(ref _audioPackets);

    public void CountDamage() => Interlocked.Increment(ref _damaged);

    public void VideoDecoded(MediaTime pts)
    {
        Interlocked.Increment(ref _frames);
        Interlocked.Exchange(ref _videoReached, pts.Nanoseconds);
    }

    public void AudioDecoded(MediaTime pts) => Interlocked.Exchange(ref _audioReached, pts.Nanoseconds);
}
