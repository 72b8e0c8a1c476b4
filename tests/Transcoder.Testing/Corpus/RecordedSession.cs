using System.Buffers;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp.Chunks;

namespace Transcoder.Testing.Corpus;

/// <summary>What a real client sent to a server, from its first byte: the files of tests/corpus/rtmp. The name says which client, which version and what it did.</summary>
public sealed record RecordedSession(string Name, byte[] Bytes)
{
    private const int HandshakeLength = 1 + (2 * 1536);

    public static readonly IReadOnlyList<RecordedSession> All =
    [
        .. Directory.EnumerateFiles(Repository.PathOf("tests/corpus/rtmp"), "*.bin").Order(StringComparer.Ordinal)
            .Select(static file => new RecordedSession(Path.GetFileNameWithoutExtension(file), File.ReadAllBytes(file))),
    ];

    /// <summary>The messages behind the handshake, protocol control left out but for what the reader applies itself.</summary>
    public IReadOnlyList<(byte Type, uint Timestamp, byte[] Body)> Messages()
    {
        using var reader = new ChunkReader(new MediaBufferPool(), ChunkLimits.Default);
        List<(byte Type, uint Timestamp, byte[] Body)> messages = [];
        var window = new ReadOnlySequence<byte>(Bytes.AsMemory(HandshakeLength));
        while (reader.Read(ref window, out var message) == ChunkReadResult.Message)
        {
            messages.Add(((byte)message.Type, message.Timestamp, message.Body.ToArray()));
            message.Buffer.Release();
        }

        return messages;
    }

    public override string ToString() => Name;
}
