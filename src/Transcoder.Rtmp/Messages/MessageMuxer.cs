using System.Buffers;
using System.Globalization;
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

    // E-RTMP v2, "Metadata Frame": undefined takes the last colorInfo back.
    private static readonly byte[] NoColor = [Amf0Marker.String, 0, 9, .. "colorInfo"u8, Amf0Marker.Undefined];

    public int ChunkSize => chunkSize;

    /// <summary>Whether RTMP can carry the codec at all.</summary>
    public static bool CanCarry(Track track) => track.Kind switch
    {
        TrackKind.Video => FlvVideoTag.CanCarry(track.Codec),
        TrackKind.Audio => FlvAudioTag.CanCarry(track.Codec),
        _ => track.Codec == CodecId.Amf0,
    };

    /// <summary>The packet's image for one class of receivers, made on first use. The caller owns one reference.</summary>
    /// <param name="keep">Whether it stays with the packet for others.</param>
    public WireImage ImageOf(Packet packet, FlvForms forms = FlvForms.Compatible, bool keep = true)
    {
        var kept = packet.Image;
        if (kept is null && keep)
        {
            kept = packet.SetImage(Make(packet, forms));
        }

        // Another protocol's image stays where it is.
        if (kept is not WireImage first)
        {
            return Make(packet, forms);
        }

        var image = first.Find(chunkSize, forms) ?? first.Keep(Make(packet, forms));
        image.AddReference();
        return image;
    }

    /// <summary>
    /// The messages of a whole run as one image for one class of receivers, made on first use. The run keeps it, so that nobody else has to count for it; null where the
    /// run has another protocol's.
    /// </summary>
    public WireImage? ImageOf(PacketRun run, FlvForms forms = FlvForms.Compatible) =>
        (run.Image ?? run.SetImage(Make(run, forms))) is WireImage first ? first.Find(chunkSize, forms) ?? first.Keep(Make(run, forms)) : null;

    /// <returns>The message that announces <paramref name="track"/>, owned by the caller, or null where its codec has none.</returns>
    public WireImage? SequenceHeader(Track track, uint timestamp, FlvForms forms = FlvForms.Compatible)
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
            var length = video ? FlvVideoTag.WriteSequenceHeader(track, body, forms) : FlvAudioTag.WriteSequenceHeader(track, body, forms);
            return length == 0 ? null : Make(track.Kind, timestamp, [], body.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(body);
        }
    }

    /// <summary>The message that carries a track's description (colorInfo, MultichannelConfig), owned by the caller. An empty one takes the last one back.</summary>
    public WireImage Description(Track track, uint timestamp, FlvForms forms)
    {
        Span<byte> head = stackalloc byte[FlvVideoTag.MaxHeaderSize];
        var length = track.Kind == TrackKind.Video ? FlvVideoTag.WriteMetadataHeader(track, head, forms) : FlvAudioTag.WriteMultichannelHeader(track, head, forms);
        return Make(track.Kind, timestamp, head[..length], track.Description.IsEmpty ? NoColor : track.Description.Span, forms);
    }

    /// <summary>onMetaData for a stream whose publisher sent none.</summary>
    /// <param name="others">Tracks beside the default ones, for a receiver of several.</param>
    /// <param name="publishing">Towards a server, which is told to keep it.</param>
    public WireImage Metadata(Track? video, Track? audio, IEnumerable<Track> others, uint timestamp, bool publishing)
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
            Facts(amf, video);
        }

        if (audio is not null)
        {
            Facts(amf, audio);
        }

        TrackMap(amf, "videoTrackIdInfoMap", others.Where(static track => track.Kind == TrackKind.Video));
        TrackMap(amf, "audioTrackIdInfoMap", others.Where(static track => track.Kind == TrackKind.Audio));
        amf.End();
        return Make(TrackKind.Data, timestamp, [], body.WrittenSpan);
    }

    /// <summary>A data packet towards a server: onMetaData goes with the call that makes the server keep it for later players.</summary>
    public WireImage PublishedData(Packet packet, FlvForms forms)
    {
        if (!new Amf0Reader(packet.Payload.Span).TryReadString(out var name) || name != "onMetaData")
        {
            return ImageOf(packet, forms);
        }

        var head = new ArrayBufferWriter<byte>(32);
        new Amf0Writer(head).String(SetDataFrame);
        return Make(TrackKind.Data, TimestampOf(packet, forms), head.WrittenSpan, packet.Payload.Span);
    }

    public static uint TimestampOf(Packet packet) => unchecked((uint)packet.Dts.Milliseconds);

    private static void Facts(Amf0Writer amf, Track track)
    {
        if (track.Kind == TrackKind.Audio)
        {
            amf.Property("audiocodecid", FlvCodecs.MetadataNumber(track.Codec))
                .Property("audiosamplerate", track.Audio.SampleRate)
                .Property("audiochannels", track.Audio.Channels)
                .Property("stereo", track.Audio.Channels > 1);
            return;
        }

        amf.Property("videocodecid", FlvCodecs.MetadataNumber(track.Codec)).Property("width", track.Video.Width).Property("height", track.Video.Height);
        if (track.Video.FrameRate > 0)
        {
            amf.Property("framerate", track.Video.FrameRate);
        }
    }

    // E-RTMP v2, "Enhancing onMetaData": the default track stands at the top, the others by their numbers.
    private static void TrackMap(Amf0Writer amf, string name, IEnumerable<Track> tracks)
    {
        if (tracks.Any())
        {
            amf.Name(name).BeginObject();
            foreach (var track in tracks)
            {
                amf.Name(track.Id.ToString(CultureInfo.InvariantCulture)).BeginObject();
                Facts(amf, track);
                amf.End();
            }

            amf.End();
        }
    }

    private WireImage Make(Packet packet, FlvForms forms = FlvForms.Compatible)
    {
        Span<byte> head = stackalloc byte[FlvVideoTag.MaxHeaderSize];
        var (kind, timestamp) = (packet.Track.Kind, TimestampOf(packet, forms));
        var begin = HeadOf(packet, head, forms);
        if (begin.Length >= chunkSize)
        {
            return Make(kind, timestamp, begin, packet.Payload.Span, forms);
        }

        var buffer = pool.Rent(ChunkWriter.LargestHeader + begin.Length + ChunkWriter.LargestContinuation);
        var (chunkStream, type) = PlaceOf(kind);
        var length = ChunkWriter.WriteHead(buffer.Span, chunkStream, type, StreamId, timestamp, begin, packet.Payload.Length);
        var continuation = ChunkWriter.WriteContinuation(buffer.Span[length..], chunkStream, timestamp);
        return WireImage.Create(buffer, length, chunkSize - begin.Length, continuation, packet, chunkSize, forms);
    }

    private WireImage Make(PacketRun run, FlvForms forms)
    {
        Span<byte> head = stackalloc byte[FlvVideoTag.MaxHeaderSize];
        var packets = run.Packets;
        var size = 0;
        for (var i = 0; i < packets.Count; i++)
        {
            size += ChunkWriter.SizeOf(FlvVideoTag.MaxHeaderSize + packets[i].Payload.Length, TimestampOf(packets[i], forms), chunkSize);
        }

        var buffer = pool.Rent(size);
        size = 0;
        for (var i = 0; i < packets.Count; i++)
        {
            var packet = packets[i];
            size += Write(buffer.Span[size..], packet.Track.Kind, TimestampOf(packet, forms), HeadOf(packet, head, forms), packet.Payload.Span);
        }

        return WireImage.Create(buffer, size, chunkSize, forms);
    }

    public static uint TimestampOf(Packet packet, FlvForms forms) =>
        (forms & FlvForms.Precise) != 0 ? FlvVideoTag.PreciseTimestamp(packet) : TimestampOf(packet);

    private static ReadOnlySpan<byte> HeadOf(Packet packet, Span<byte> head, FlvForms forms) => head[..(packet.Track.Kind switch
    {
        TrackKind.Video => FlvVideoTag.WriteHeader(head, packet, forms),
        TrackKind.Audio => FlvAudioTag.WriteHeader(head, packet, forms),
        _ => 0,
    })];

    private WireImage Make(TrackKind kind, uint timestamp, ReadOnlySpan<byte> head, ReadOnlySpan<byte> payload, FlvForms forms = FlvForms.Compatible)
    {
        var buffer = pool.Rent(ChunkWriter.SizeOf(head.Length + payload.Length, timestamp, chunkSize));
        return WireImage.Create(buffer, Write(buffer.Span, kind, timestamp, head, payload), chunkSize, forms);
    }

    private int Write(Span<byte> destination, TrackKind kind, uint timestamp, ReadOnlySpan<byte> head, ReadOnlySpan<byte> payload)
    {
        var (chunkStream, type) = PlaceOf(kind);
        return ChunkWriter.Write(destination, chunkStream, type, StreamId, timestamp, head, payload, chunkSize);
    }

    private static (byte ChunkStream, MessageType Type) PlaceOf(TrackKind kind) => kind switch
    {
        TrackKind.Video => (ChunkStreamIds.Video, MessageType.Video),
        TrackKind.Audio => (ChunkStreamIds.Audio, MessageType.Audio),
        _ => (ChunkStreamIds.Data, MessageType.DataAmf0),
    };
}
