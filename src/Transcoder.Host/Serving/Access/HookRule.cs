using Transcoder.Host.Configuration;
using Transcoder.Media;
using Transcoder.Media.Ports;

namespace Transcoder.Host.Serving.Access;

/// <summary>The operator's own program decides. It always has an opinion; where it can't be asked, the failure policy has one.</summary>
internal sealed class HookRule(HookCaller caller, HttpAddress address)
{
    /// <returns>Null to allow.</returns>
    public async ValueTask<Reason?> JudgeAsync(AccessRequest request, CancellationToken cancellationToken)
    {
        var (result, words) = await caller.AskAsync(address, HookEvent.Begin(request), cancellationToken).ConfigureAwait(false);
        return result switch
        {
            HookResult.Allowed => null,
            HookResult.Refused => new Reason(Reasons.HookRefused, words.Length > 0 ? $"hook: {words}" : "hook: refused"),
            _ when caller.Options.OnFailure == HookFailure.Allow => null,
            _ => new Reason(Reasons.HookFailed, $"hook: it could not be asked, and on_failure is deny: {words}"),
        };
    }
}
