namespace Transcoder.Media.Ports;

/// <summary>Who asks to publish or play, and what.</summary>
/// <param name="App">Application name, without slashes at its ends.</param>
/// <param name="Stream">Stream name without its query.</param>
/// <param name="Key">The secret given as <c>key=</c>, or null. Never logged.</param>
/// <param name="RemoteAddress">The peer, for the log.</param>
public readonly record struct AccessRequest(string App, string Stream, string? Key, string RemoteAddress);

/// <summary>Decides who may publish. Answers before <c>Publish.Start</c> leaves; must not block other connections.</summary>
public interface IPublishAuthorizer
{
    /// <returns>Null to allow, or the reason for the refusal.</returns>
    ValueTask<Reason?> AuthorizePublishAsync(AccessRequest request, CancellationToken cancellationToken);
}
