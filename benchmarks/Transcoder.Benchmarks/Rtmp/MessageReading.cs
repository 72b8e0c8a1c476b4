using System.Buffers;
using BenchmarkDotNet.Attributes;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Benchmarks.Rtmp;

/// <summary>A publisher's bytes to packets: alternating picture and sound, in chunks of 4096 bytes as encoders send them.</summary>
public class MessageReading
{
    private const int Messages = 64;
    private const int ChunkSize = 4096;

    private readonly MediaBufferPool _pool = new();
    private readonly ChunkReader _reader;
    private readonly MessageDemuxer _demuxer;
    private readonly ReadOnlySequence<byte> _stream;

    public MessageReading()
    {
        _reader = new ChunkReader(_pool, ChunkLimits.Default);
        _demuxer = new MessageDemuxer(_pool);
        var muxer = new MessageMuxer(_pool, ChunkSize);
        var setChunkSize = new byte[16];
        ChunkWriter.Write(setChunkSize, ChunkStreamIds.Control, MessageType.SetChunkSize, 0, 0, [0, 0, ChunkSize >> 8, 0], [], ChunkReader.DefaultChunkSize);
        Take(new ReadOnlySequence<byte>(setChunkSize));

        // Configuration once, as at the start of a stream.
        var headers = new ArrayBufferWriter<byte>();
        Write(headers, muxer.SequenceHeader(MediaSamples.Video, 0)!);
        Write(headers, muxer.SequenceHeader(MediaSamples.Audio, 0)!);
        Take(new ReadOnlySequence<byte>(headers.WrittenMemory));

        var media = new ArrayBufferWriter<byte>();
        for (var i = 0; i < Messages; i++)
        {
            var packet = i % 2 == 0 ? MediaSamples.Picture(_pool, i * 20) : MediaSamples.Sound(_pool, i * 20);
            Write(media, muxer.ImageOf(packet));
            packet.Release();
        }

        _stream = new ReadOnlySequence<byte>(media.WrittenMemory);
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public void DechunkToPackets()
    {
        if (Take(_stream) != Messages)
        {
            throw new InvalidOperationException("not every message made a packet");
        }
    }

    private int Take(ReadOnlySequence<byte> bytes)
    {
        var packets = 0;
        while (_reader.Read(ref bytes, out var message) == ChunkReadResult.Message)
        {
            if (_demuxer.TryDemux(message, out Packet packet))
            {
                packets++;
                packet.Release();
            }
        }

        return packets;
    }

    private static void Write(ArrayBufferWriter<byte> output, WireImage image)
    {
        foreach (var part in image)
        {
            output.Write(part.Span);
        }
    }
}
