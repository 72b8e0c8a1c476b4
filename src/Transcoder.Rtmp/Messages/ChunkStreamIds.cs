namespace Transcoder.Rtmp.Messages;

/// <summary>The chunk streams we send on. 2 is the specification's; each other kind has its own so that their headers never mix.</summary>
internal static class ChunkStreamIds
{
    public const byte Control = 2;
    public const byte Command = 3;
    public const byte Audio = 4;
    public const byte Data = 5;
    public const byte Video = 6;
}
