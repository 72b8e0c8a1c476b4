namespace Transcoder.LoadGenerator;

/// <summary>A server to measure: nginx runs the RTMP module, a .js file is node-media-server's, any other is transcoder, with its latency behind an @.</summary>
internal sealed record ServerProgram(string Name, string Path, string Latency)
{
    public bool IsNginx => System.IO.Path.GetFileName(Path) == "nginx";

    public bool IsNode => Path.EndsWith(".js", StringComparison.Ordinal);

    public bool IsOurs => !IsNginx && !IsNode;

    /// <param name="text">NAME=PROGRAM or NAME=PROGRAM@LATENCY.</param>
    public static ServerProgram Parse(string text)
    {
        var (name, program) = text.Split('=', 2) is [var before, var behind] ? (before, behind) : throw new ArgumentException($"'{text}' is not NAME=PROGRAM");
        return program.Split('@', 2) is [var path, var latency] ? new(name, path, latency) : new(name, program, "balanced");
    }
}
