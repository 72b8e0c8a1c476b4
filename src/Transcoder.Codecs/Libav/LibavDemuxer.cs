using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Transcoder.Codecs.Native;
using Transcoder.Media.Bitstreams;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Libav;

/// <summary>
/// A media file as the house's packets: for the test publisher. Takes the first video and the first audio stream with a codec the house can name.
/// Packets come in file order with the file's own times; a new configuration in mid file becomes a new track.
/// </summary>
public sealed unsafe class LibavDemuxer : IDisposable
{
    private readonly DemuxerHandle _demuxer = new();
    private readonly MediaBufferPool _pool;
    private readonly Source?[] _sources;

    /// <exception cref="CodecException">The file can't be opened or has nothing the house can name.</exception>
    public LibavDemuxer(string path, MediaBufferPool pool)
    {
        _pool = pool;
        ShimLibrary.EnsureLoaded();
        ShimLibrary.ForgetLog();
        ShimLibrary.ThrowIfFailed(Shim.DemuxerOpen(path, "", out var opened), $"{path} can't be opened");
        _demuxer.Adopt(opened);
        _sources = new Source?[Shim.DemuxerStreams(_demuxer)];
        for (var i = 0; i < _sources.Length; i++)
        {
            ShimLibrary.ThrowIfFailed(Shim.DemuxerStream(_demuxer, i, out var facts), path);
            var source = Read(facts);
            if (source is not null && !_sources.Any(s => s?.Track.Kind == source.Track.Kind))
            {
                _sources[i] = source;
            }
        }

        if (_sources.All(s => s is null))
        {
            _demuxer.Dispose();
            throw new CodecException($"{path} has no video or audio in a codec that can be sent.");
        }
    }

    /// <summary>The tracks as they are now, video first.</summary>
    public IReadOnlyList<Track> Tracks => [.. _sources.OfType<Source>().Select(s => s.Track).OrderBy(t => t.Kind)];

    /// <summary>The next packet of <see cref="Tracks"/>, owned by the caller; false at the end of the file.</summary>
    /// <exception cref="CodecException">The file could not be read on.</exception>
    public bool TryRead([NotNullWhen(true)] out Packet? packet)
    {
        packet = null;
        while (packet is null)
        {
            var status = Shim.DemuxerRead(_demuxer, out var facts);
            if (status == Shim.EndOfFile)
            {
                return false;
            }

            ShimLibrary.ThrowIfFailed(status, "Reading on failed");

            // A stream may appear in mid file; nobody asked for it.
            var source = facts.Stream < _sources.Length ? _sources[facts.Stream] : null;
            if (source is not null && (facts.Pts != Shim.NoTime || facts.Dts != Shim.NoTime))
            {
                packet = Make(source, facts);
            }
        }

        return true;
    }

    /// <summary>Begins again at the first packet.</summary>
    public void SeekToStart() => ShimLibrary.ThrowIfFailed(Shim.DemuxerRewind(_demuxer), "Going back to the start failed");

    public void Dispose() => _demuxer.Dispose();

    private Packet? Make(Source source, in PacketFacts facts)
    {
        if (facts.Extradata != null)
        {
            source.Configure(new ReadOnlySpan<byte>(facts.Extradata, facts.ExtradataSize));
        }

        var payload = source.Convert(new ReadOnlySpan<byte>(facts.Data, facts.Size));
        if (payload.IsEmpty)
        {
            return null;
        }

        var pts = facts.Pts != Shim.NoTime ? facts.Pts : facts.Dts;
        var dts = facts.Dts != Shim.NoTime ? facts.Dts : facts.Pts;
        var flags = ((facts.Flags & Shim.UnitKey) != 0 ? PacketFlags.Keyframe : 0) | ((facts.Flags & Shim.UnitDisposable) != 0 ? PacketFlags.Disposable : 0);
        return Packet.Copy(_pool, source.Track, new MediaTime(dts), new MediaTime(pts), flags, payload);
    }

    private static Source? Read(in StreamFacts facts)
    {
        var name = Marshal.PtrToStringUTF8((nint)facts.Codec);
        var codec = Enum.GetValues<CodecId>().FirstOrDefault(c => c != CodecId.None && c.Name() == name);
        if (codec == CodecId.None || (facts.IsVideo == 0 && facts.IsAudio == 0))
        {
            return null;
        }

        var rate = facts.FrameRateDen > 0 ? facts.FrameRateNum / (double)facts.FrameRateDen : 0;
        var track = facts.IsVideo != 0
            ? new Track(TrackKind.Video, codec, default, new VideoFormat(facts.Width, facts.Height, rate))
            : new Track(TrackKind.Audio, codec, default, Audio: new AudioFormat(facts.SampleRate, facts.Channels));
        var source = new Source(track);
        source.Configure(new ReadOnlySpan<byte>(facts.Extradata, facts.ExtradataSize));
        return source;
    }

    private sealed class Source(Track track)
    {
        private readonly CodedForm _form = new(track.Codec);
        private bool _annexB;

        public Track Track { get; private set; } = track;

        public void Configure(ReadOnlySpan<byte> extradata)
        {
            _annexB = Track.Codec is CodecId.H264 or CodecId.Hevc && (extradata.IsEmpty || AnnexB.IsAnnexB(extradata));
            var config = CodedForm.Configuration(Track.Codec, extradata, Track.Video);
            var video = CodecConfiguration.ReadVideoFormat(Track.Codec, config.Span);
            var audio = CodecConfiguration.ReadAudioFormat(Track.Codec, config.Span);
            Track = Track with
            {
                Config = config,
                Video = Track.Kind == TrackKind.Video && video.Width > 0
                    ? video with { FrameRate = Track.Video.FrameRate > 0 ? Track.Video.FrameRate : video.FrameRate }
                    : Track.Video,
                Audio = Track.Kind == TrackKind.Audio && audio.SampleRate > 0 ? audio : Track.Audio,
            };
        }

        public ReadOnlySpan<byte> Convert(ReadOnlySpan<byte> payload)
        {
            if (Track.Codec == CodecId.Aac && Adts.IsHeader(payload) && (Track.Config.IsEmpty || Track.Config.Length == 2))
            {
                var config = Adts.Configuration(payload);
                if (!config.AsSpan().SequenceEqual(Track.Config.Span))
                {
                    Configure(config);
                }

                return payload[Math.Min(Adts.HeaderLength(payload), payload.Length)..];
            }

            return Track.Codec == CodecId.Av1 || _annexB ? _form.Convert(payload) : payload;
        }
    }
}
