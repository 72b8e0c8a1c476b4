using System.Security.Cryptography;
using System.Text;
using Transcoder.Host.Configuration;
using Transcoder.Media;
using Transcoder.Media.Ports;

namespace Transcoder.Host.Serving;

/// <summary>Lets a publisher in whose <c>key=</c> is one of the application's keys; an application without keys is open.</summary>
internal sealed class KeyAuthorizer(TranscoderOptions options) : IPublishAuthorizer
{
    public ValueTask<Reason?> AuthorizePublishAsync(AccessRequest request, CancellationToken cancellationToken)
    {
        var keys = options.Apps[request.App].Publish.Keys;
        return ValueTask.FromResult<Reason?>(keys.Count == 0 || IsOneOf(keys, request.Key ?? "") ? null : Refusal(request.Key));
    }

    // Hashed first and compared against every key: the time taken tells neither a length nor which key was near.
    private static bool IsOneOf(IEnumerable<string> keys, string given)
    {
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(given));
        var found = false;
        foreach (var key in keys)
        {
            found |= CryptographicOperations.FixedTimeEquals(digest, SHA256.HashData(Encoding.UTF8.GetBytes(key)));
        }

        return found;
    }

    private static Reason Refusal(string? given) =>
        new(Reasons.BadKey, string.IsNullOrEmpty(given) ? "this application asks for ?key=… behind the stream name" : "the key is not one of this application's keys");
}
