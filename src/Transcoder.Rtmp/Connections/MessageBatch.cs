using System.Buffers;
using System.Buffers.Binary;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Connections;

/// <summary>Events of user control messages (RTMP 1.0 §7.1.7).</summary>
internal enum UserControlEvent : ushort
{
    StreamBegin = 0,
    StreamEof = 1,
    StreamDry = 2,
    SetBufferLength = 3,
    StreamIsRecorded = 4,
    PingRequest = 6,
    PingResponse = 7,
}

/// <summary>How strictly Set Peer Bandwidth is meant (§5.4.5).</summary>
internal enum BandwidthLimit : byte
{
    Hard = 0,

    /// <summary>The smaller of this one and the one in force.</summary>
    Soft = 1,

    /// <summary>As hard where the last one was hard; else to be ignored.</summary>
    Dynamic = 2,
}

/// <summary>Control and command messages put together for one write: some encoders cannot read an answer that arrives in pieces.</summary>
internal sealed class MessageBatch(int chunkSize)
{
    private readonly ArrayBufferWriter<byte> _output = new();
    private ArrayBufferWriter<byte>? _body;

    public ReadOnlySpan<byte> Bytes => _output.WrittenSpan;

    public int ChunkSize { get; private set; } = chunkSize;

    /// <summary>Whether <see cref="ChunkSize"/> is in force once these bytes have left.</summary>
    public bool ChangesChunkSize { get; private set; }

    public MessageBatch SetChunkSize(int size)
    {
        Control(MessageType.SetChunkSize, (uint)size);
        ChunkSize = size;
        ChangesChunkSize = true;
        return this;
    }

    /// <summary>The acknowledgement window that these bytes announce; 0 for none.</summary>
    public int Window { get; private set; }

    public MessageBatch WindowAcknowledgementSize(int size)
    {
        Window = size;
        return Control(MessageType.WindowAcknowledgementSize, (uint)size);
    }

    public MessageBatch Acknowledgement(uint bytes) => Control(MessageType.Acknowledgement, bytes);

    public MessageBatch SetPeerBandwidth(int size)
    {
        Span<byte> body = stackalloc byte[5];
        BinaryPrimitives.WriteInt32BigEndian(body, size);
        body[4] = (byte)BandwidthLimit.Dynamic;
        return Add(ChunkStreamIds.Control, MessageType.SetPeerBandwidth, 0, body);
    }

    public MessageBatch UserControl(UserControlEvent kind, uint value)
    {
        Span<byte> body = stackalloc byte[6];
        BinaryPrimitives.WriteUInt16BigEndian(body, (ushort)kind);
        BinaryPrimitives.WriteUInt32BigEndian(body[2..], value);
        return Add(ChunkStreamIds.Control, MessageType.UserControl, 0, body);
    }

    public MessageBatch SetBufferLength(uint streamId, uint milliseconds)
    {
        Span<byte> body = stackalloc byte[10];
        BinaryPrimitives.WriteUInt16BigEndian(body, (ushort)UserControlEvent.SetBufferLength);
        BinaryPrimitives.WriteUInt32BigEndian(body[2..], streamId);
        BinaryPrimitives.WriteUInt32BigEndian(body[6..], milliseconds);
        return Add(ChunkStreamIds.Control, MessageType.UserControl, 0, body);
    }

    public MessageBatch Command(uint streamId, Action<Amf0Writer> write) => Amf(ChunkStreamIds.Command, MessageType.CommandAmf0, streamId, write);

    public MessageBatch Data(uint streamId, Action<Amf0Writer> write) => Amf(ChunkStreamIds.Data, MessageType.DataAmf0, streamId, write);

    /// <summary><c>_result</c> with one value.</summary>
    public MessageBatch Result(double transactionId, AmfValue value) =>
        Command(0, amf => amf.String("_result").Number(transactionId).Null().Value(value));

    /// <summary><c>onStatus</c> for a message stream.</summary>
    public MessageBatch Status(uint streamId, string level, string code, string description) =>
        Command(streamId, amf => amf.String("onStatus").Number(0).Null()
            .BeginObject().Property("level", level).Property("code", code).Property("description", description).End());

    private MessageBatch Amf(byte chunkStreamId, MessageType type, uint streamId, Action<Amf0Writer> write)
    {
        _body ??= new ArrayBufferWriter<byte>();
        _body.ResetWrittenCount();
        write(new Amf0Writer(_body));
        return Add(chunkStreamId, type, streamId, _body.WrittenSpan);
    }

    private MessageBatch Control(MessageType type, uint value)
    {
        Span<byte> body = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(body, value);
        return Add(ChunkStreamIds.Control, type, 0, body);
    }

    private MessageBatch Add(byte chunkStreamId, MessageType type, uint streamId, ReadOnlySpan<byte> body)
    {
        var size = ChunkWriter.SizeOf(body.Length, 0, ChunkSize);
        ChunkWriter.Write(_output.GetSpan(size), chunkStreamId, type, streamId, 0, body, [], ChunkSize);
        _output.Advance(size);
        return this;
    }
}
