using System.Buffers;
using Transcoder.Media.Buffers;
using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;

namespace Transcoder.Rtmp.Messages;

/// <summary>Packets and tracks to chunked messages, always for message stream 1; a connection that uses another number patches its copy.</summary>
internal sealed class MessageMuxer(MediaBufferPool pool, int chunkSize)
{
    /// <summary>The message stream of every image.</summary>
    public const uint StreamId = 1;

    /// <summary>A message's length has 24 bits, and its image with all chunk headers must fit the largest block.</summary>
    public const int LargestPayload = (1 << 24) - (64 << 10);

    private const string SetDataFrame = "@setDataFrame";

    public int ChunkSize => chunkSize;

    /// <summary>Whether RTMP can carry the codec at all.</summary>
    public static bool CanCarry(Track track) => track.Kind switch
    {
        TrackKind.Video => FlvVideoTag.CanCarry(track.Codec),
        TrackKind.Audio => FlvAudioTag.CanCarry(track.Codec),
        _ => track.Codec == CodecId.Amf0,
    };

    /// <summary>The packet's image, made on first use. The caller owns one reference.</summary>
    /// <param name="keep">Whether it stays with the packet for others.</param>
    public WireImage ImageOf(Packet packet, bool keep = true)
    {
        var kept = packet.Image;
        if (kept is null && keep)
        {
            kept = packet.SetImage(Make(packet));
        }

        // Another protocol's image, or one cut for another chunk size, stays where it is.
        if (kept is WireImage image && image.ChunkSize == chunkSize)
        {
            image.AddReference();
            return image;
        }

        return Make(packet);
    }

    /// <summary>The messages of a whole run as one image, made on first use and kept on the run. The caller owns one reference.</summary>
    public WireImage ImageOf(PacketRun run)
    {
        var kept = run.Image;
        if (kept is null)
        {
            kept = run.SetImage(Make(run));
        }

        if (kept is WireImage image && image.ChunkSize == chunkSize)
        {
            image.AddReference();
            return image;
        }

        return Make(run);
    }

    /// <returns>The message that announces <paramref name="track"/>, owned by the caller, or null where its codec has none.</returns>
    public WireImage? SequenceHeader(Track track, uint timestamp)
    {
        var video = track.Kind == TrackKind.Video;
        var size = video ? FlvVideoTag.SequenceHeaderSize(track) : track.Kind == TrackKind.Audio ? FlvAudioTag.SequenceHeaderSize(track) : 0;
        if (size == 0)
        {
            return null;
        }

        var body = ArrayPool<byte>.Shared.Rent(size);
        try
        {
            var length = video ? FlvVideoTag.WriteSequenceHeader(track, body) : FlvAudioTag.WriteSequenceHeader(track, body);
            return length == 0 ? null : Make(track.Kind, timestamp, [], body.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(body);
        }
    }

    /// <summary>onMetaData for a stream whose publisher sent none.</summary>
    /// <param name="publishing">Towards a server, which is told to keep it.</param>
    public WireImage Metadata(Track? video, Track? audio, uint timestamp, bool publishing)
    {
        var body = new ArrayBufferWriter<byte>();
        var amf = new Amf0Writer(body);
        if (publishing)
        {
            amf.String(SetDataFrame);
        }

        amf.String("onMetaData").BeginEcmaArray(0);
        if (video is not null)
        {
            amf.Property("videocodecid", FlvCodecs.MetadataNumber(video.Codec)).Property("width", video.Video.Width).Property("height", video.Video.Height);
            if (video.Video.FrameRate > 0)
            {
                amf.Property("framerate", video.Video.FrameRate);
            }
        }

        if (audio is not null)
        {
            amf.Property("audiocodecid", FlvCodecs.MetadataNumber(audio.Codec))
                .Property("audiosamplerate", audio.Audio.SampleRate)
                .Property("audiochannels", audio.Audio.Channels)
                .Property("stereo", audio.Audio.Channels > 1);
        }

        amf.End();
        return Make(TrackKind.Data, timestamp, [], body.WrittenSpan);
    }

    /// <summary>A data packet towards a server: onMetaData goes with the call that makes the server keep it for later players.</summary>
    public WireImage PublishedData(Packet packet)
    {
        if (!new Amf0Reader(packet.Payload.Span).TryReadString(out var name) || name != "onMetaData")
        {
            return ImageOf(packet);
        }

        var head = new ArrayBufferWriter<byte>(32);
        new Amf0Writer(head).String(SetDataFrame);
        return Make(TrackKind.Data, TimestampOf(packet), head.WrittenSpan, packet.Payload.Span);
    }

    public static uint TimestampOf(Packet packet) => unchecked((uint)packet.Dts.Milliseconds);

    private WireImage Make(Packet packet)
    {
        Span<byte> head = stackalloc byte[FlvVideoTag.MaxHeaderSize];
        return Make(packet.Track.Kind, TimestampOf(packet), HeadOf(packet, head), packet.Payload.Span);
    }

    private WireImage Make(PacketRun run)
    {
        Span<byte> head = stackalloc byte[FlvVideoTag.MaxHeaderSize];
        var packets = run.Packets;
        var size = 0;
        for (var i = 0; i < packets.Count; i++)
        {
            size += ChunkWriter.SizeOf(FlvVideoTag.MaxHeaderSize + packets[i].Payload.Length, TimestampOf(packets[i]), chunkSize);
        }

        var buffer = pool.Rent(size);
        size = 0;
        for (var i = 0; i < packets.Count; i++)
        {
            size += Write(buffer.Array.AsSpan(size), packets[i].Track.Kind, TimestampOf(packets[i]), HeadOf(packets[i], head), packets[i].Payload.Span);
        }

        return WireImage.Create(buffer, size, chunkSize);
    }

    private static ReadOnlySpan<byte> HeadOf(Packet packet, Span<byte> head) => head[..(packet.Track.Kind switch
    {
        TrackKind.Video => FlvVideoTag.WriteHeader(head, packet),
        TrackKind.Audio => FlvAudioTag.WriteHeader(head, packet),
        _ => 0,
    })];

    private WireImage Make(TrackKind kind, uint timestamp, ReadOnlySpan<byte> head, ReadOnlySpan<byte> payload)
    {
        var buffer = pool.Rent(ChunkWriter.SizeOf(head.Length + payload.Length, timestamp, chunkSize));
        return WireImage.Create(buffer, Write(buffer.Array, kind, timestamp, head, payload), chunkSize);
    }

    private int Write(Span<byte> destination, TrackKind kind, uint timestamp, ReadOnlySpan<byte> head, ReadOnlySpan<byte> payload)
    {
        var (chunkStream, type) = kind switch
        {
            TrackKind.Video => (ChunkStreamIds.Video, MessageType.Video),
            TrackKind.Audio => (ChunkStreamIds.Audio, MessageType.Audio),
            _ => (ChunkStreamIds.Data, MessageType.DataAmf0),
        };
        return ChunkWriter.Write(destination, chunkStream, type, StreamId, timestamp, head, payload, chunkSize);
    }
}
