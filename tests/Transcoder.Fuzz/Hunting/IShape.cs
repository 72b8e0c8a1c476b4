namespace Transcoder.Fuzz.Hunting;

/// <summary>What the mutator knows of a format: where its units begin, and how a new one may look.</summary>
internal interface IShape
{
    static IShape? Of(string target) => target switch
    {
        "chunk" or "session" or "client" => new ChunkShape(),
        "amf0" => new AmfShape(isAmf3: false),
        "amf3" => new AmfShape(isAmf3: true),
        "tag" => new FlvShape(isFile: false),
        "flv" => new FlvShape(isFile: true),
        _ => null,
    };

    /// <summary>A place between two units.</summary>
    int Boundary(ReadOnlySpan<byte> bytes, Random random);

    /// <param name="other">Another input, of which a part may be used.</param>
    byte[] Make(ReadOnlySpan<byte> other, Random random);
}
