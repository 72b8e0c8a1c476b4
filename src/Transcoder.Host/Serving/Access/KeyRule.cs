using System.Security.Cryptography;
using System.Text;
using Transcoder.Host.Configuration;
using Transcoder.Media;
using Transcoder.Media.Ports;

namespace Transcoder.Host.Serving.Access;

/// <summary>Lets in whose <c>key=</c> is one of the application's keys, from the configuration or from a file that is read again when it changes.</summary>
internal sealed partial class KeyRule : IAccessRule
{
    private readonly byte[][] _configured;
    private readonly string? _file;
    private readonly ILogger _log;
    private FileStamp _seen;
    private FileStamp? _changing;
    private byte[][] _digests;

    /// <exception cref="StartException">The file can't be read.</exception>
    public KeyRule(IReadOnlyList<Secret> keys, string? file, ILogger log)
    {
        _configured = [.. keys.Select(key => Digest(key.Value))];
        _digests = _configured;
        _file = file;
        _log = log;
        try
        {
            Load();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"keys_file: {file} can't be read: {e.Message}", e);
        }
    }

    public string Asks => "?key=… behind the stream name";

    public string MissingCode => Reasons.BadKey;

    public ValueTask<Opinion> JudgeAsync(AccessRequest request, CancellationToken cancellationToken) => new(
        request.Key is null ? Opinion.None
        : IsOneOf(Volatile.Read(ref _digests), Digest(request.Key)) ? Opinion.Allow
        : Opinion.Deny(Reasons.BadKey, "keys: the key is not one of this application's keys"));

    public void Tick()
    {
        if (_file is null || FileStamp.Of(_file) is var stamp && stamp == _seen)
        {
            return;
        }

        // One that is written in place is empty for a moment: only what stayed as it is for a second is read.
        if (stamp != _changing)
        {
            _changing = stamp;
            return;
        }

        try
        {
            Load();
            LogLoaded(_file, _digests.Length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogKept(_file, e.Message);
        }
    }

    // Hashed first and compared against every key: the time taken tells neither a length nor which key was near.
    private static bool IsOneOf(byte[][] digests, byte[] given)
    {
        var found = false;
        foreach (var digest in digests)
        {
            found |= CryptographicOperations.FixedTimeEquals(given, digest);
        }

        return found;
    }

    private static byte[] Digest(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    private void Load()
    {
        if (_file is null)
        {
            return;
        }

        _seen = FileStamp.Of(_file);
        var lines = File.ReadLines(_file).Select(line => line.Trim()).Where(line => line.Length > 0 && !line.StartsWith('#'));
        Volatile.Write(ref _digests, [.. _configured, .. lines.Select(Digest)]);
    }

    [LoggerMessage(130, LogLevel.Information, "{File} was read again: {Count} keys are good; nobody was disconnected")]
    private partial void LogLoaded(string file, int count);

    [LoggerMessage(131, LogLevel.Error, "{File} has changed and can't be read: {Problem}; the keys as they were stay good")]
    private partial void LogKept(string file, string problem);
}
