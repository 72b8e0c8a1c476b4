namespace Transcoder.Media.Ports;

public enum AccessAction
{
    Publish,
    Play,
}

/// <summary>Who asks to publish or play, and what.</summary>
/// <param name="App">Application name, without slashes at its ends.</param>
/// <param name="Stream">Stream name without its query.</param>
/// <param name="Key">The secret given as <c>key=</c>, or null. Never logged.</param>
/// <param name="RemoteAddress">The peer, for the log.</param>
public readonly record struct AccessRequest(string App, string Stream, string? Key, string RemoteAddress)
{
    public AccessAction Action { get; init; }

    /// <summary>The parameters that came along, as they were written: <c>a=1&amp;b=2</c>. They hold secrets and are never logged.</summary>
    public string Query { get; init; } = "";

    /// <summary>Names this one admission towards the operator's hooks; empty where nobody needs it.</summary>
    public string Id { get; init; } = "";

    /// <summary>A parameter's value without its percent signs, or null. Of two with one name the first counts.</summary>
    public string? Parameter(string name) => Parameter(Query, name);

    public static string? Parameter(string query, string name)
    {
        foreach (var part in query.Split('&', '?'))
        {
            if (part.Length > name.Length && part[name.Length] == '=' && part.StartsWith(name, StringComparison.Ordinal))
            {
                return Uri.UnescapeDataString(part[(name.Length + 1)..]);
            }
        }

        return null;
    }

    /// <summary>Without the secrets: a record would print them.</summary>
    public override string ToString() => $"{Action} {App}/{Stream} from {RemoteAddress}";
}

/// <summary>Decides who may publish and play. Answers before <c>Publish.Start</c> and <c>Play.Start</c> leave; must not block other connections.</summary>
public interface IAccessAuthorizer
{
    /// <returns>Null to allow, or the reason for the refusal.</returns>
    ValueTask<Reason?> AuthorizeAsync(AccessRequest request, CancellationToken cancellationToken);

    /// <summary>Told when who was allowed, or left while it was being decided, gets nothing of it after all: the stream is busy, or never opened.</summary>
    void Unused(AccessRequest request, Reason reason)
    {
    }
}
