using System.Buffers;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp.Chunks;

namespace Transcoder.Testing.Corpus;

/// <summary>What one side of a real conversation sent, from its first byte. The name says who it was, in which version, and what it did.</summary>
public sealed record RecordedSession(string Name, byte[] Bytes)
{
    private const int HandshakeLength = 1 + (2 * 1536);

    /// <summary>Of clients to this server.</summary>
    public static readonly IReadOnlyList<RecordedSession> All = In("tests/corpus/rtmp");

    /// <summary>Of servers to our clients and others.</summary>
    public static readonly IReadOnlyList<RecordedSession> Answers = In("tests/corpus/rtmp-answers");

    /// <summary>The messages behind the handshake, but for what the reader applies itself; each with the place in <see cref="Bytes"/> where it ends.</summary>
    public IReadOnlyList<(byte Type, uint Timestamp, byte[] Body, int End)> Messages()
    {
        using var reader = new ChunkReader(new MediaBufferPool(), ChunkLimits.Default);
        List<(byte Type, uint Timestamp, byte[] Body, int End)> messages = [];
        var window = new ReadOnlySequence<byte>(Bytes.AsMemory(HandshakeLength));
        while (reader.Read(ref window, out var message) == ChunkReadResult.Message)
        {
            messages.Add(((byte)message.Type, message.Timestamp, message.Body.ToArray(), Bytes.Length - (int)window.Length));
            message.Buffer.Release();
        }

        return messages;
    }

    private static RecordedSession[] In(string folder) =>
    [
        .. Directory.EnumerateFiles(Repository.PathOf(folder), "*.bin").Order(StringComparer.Ordinal)
            .Select(static file => new RecordedSession(Path.GetFileNameWithoutExtension(file), File.ReadAllBytes(file))),
    ];

    public override string ToString() => Name;
}
