using BenchmarkDotNet.Attributes;
using Transcoder.Media.Buffers;
using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;

namespace Transcoder.Benchmarks.Media;

public class FlvTags
{
    private readonly byte[] _video = new byte[MediaSamples.PictureBytes];
    private readonly byte[] _audio = new byte[MediaSamples.SoundBytes];
    private readonly byte[] _header = new byte[FlvVideoTag.MaxHeaderSize];
    private readonly Packet _picture;
    private readonly Packet _sound;

    public FlvTags()
    {
        var pool = new MediaBufferPool();
        _picture = MediaSamples.Picture(pool, 40);
        _sound = MediaSamples.Sound(pool, 40);
        FlvVideoTag.WriteHeader(_video, _picture);
        FlvAudioTag.WriteHeader(_audio, _sound);
    }

    [Benchmark]
    public void ParseVideo() => Require(FlvVideoTag.TryParse(_video, out var tag) && tag.PayloadLength > 0);

    [Benchmark]
    public void ParseAudio() => Require(FlvAudioTag.TryParse(_audio, out var tag) && tag.PayloadLength > 0);

    [Benchmark]
    public void WriteVideoHeader() => Require(FlvVideoTag.WriteHeader(_header, _picture) > 0);

    [Benchmark]
    public void WriteAudioHeader() => Require(FlvAudioTag.WriteHeader(_header, _sound) > 0);

    private static void Require(bool done)
    {
        if (!done)
        {
            throw new InvalidOperationException("the sample is not what the parser takes");
        }
    }
}
