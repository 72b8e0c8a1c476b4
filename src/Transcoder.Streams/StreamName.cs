namespace Transcoder.Streams;

/// <summary>A live stream's address in the house: <c>APP/STREAM</c>, for a rendition <c>APP/STREAM_RENDITION</c>.</summary>
/// <param name="App">Application.</param>
/// <param name="Stream">The name players use.</param>
/// <param name="Source">The source's stream name; equal to <see cref="Stream"/> for a source.</param>
/// <param name="Rendition">The rendition's name; empty for a source.</param>
public readonly record struct StreamName(string App, string Stream, string Source, string Rendition)
{
    private const int MaxLength = 256;

    public bool IsRendition => Rendition.Length > 0;

    public static StreamName ForSource(string app, string stream) => new(app, stream, stream, "");

    /// <summary>Names become URLs, file names and metric labels: no control characters, no quotes, no path tricks.</summary>
    public static bool IsValid(string stream) =>
        stream.Length is > 0 and <= MaxLength && !stream.Contains("..", StringComparison.Ordinal) &&
        stream.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '~' or '+' or '@' or '/' or '=' or ':');

    public StreamName ForRendition(string template, string rendition) =>
        new(App, template.Replace("{stream}", Stream, StringComparison.Ordinal).Replace("{rendition}", rendition, StringComparison.Ordinal), Stream, rendition);

    public override string ToString() => $"{App}/{Stream}";
}
