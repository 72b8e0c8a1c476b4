namespace Transcoder.Host.Serving;

/// <summary>Tells whether a file has changed, also where a link on the way to it was turned to another file (certbot, Kubernetes).</summary>
internal readonly record struct FileStamp(string Target, DateTime Modified, long Length)
{
    /// <returns>The default for a file that is not there.</returns>
    public static FileStamp Of(string path)
    {
        try
        {
            var file = File.ResolveLinkTarget(path, returnFinalTarget: true) is { } target ? new FileInfo(target.FullName) : new FileInfo(path);
            return file.Exists ? new FileStamp(file.FullName, file.LastWriteTimeUtc, file.Length) : default;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return default;
        }
    }
}
