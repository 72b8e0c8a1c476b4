using Transcoder.Media;
using Transcoder.Media.Ports;

namespace Transcoder.Host.Serving.Access;

/// <summary>
/// The rules of one application for one action. Each is asked in turn and the first denial counts; where there are rules about what a client brings, one of
/// them must allow. The hook is asked last and must agree besides: it can refuse whom a key would let in, and not let in whom the rules refuse.
/// </summary>
internal sealed class AccessChain(IReadOnlyList<IAccessRule> rules, HookRule? hook)
{
    public IReadOnlyList<IAccessRule> Rules => rules;

    /// <returns>Null to allow.</returns>
    public async ValueTask<Reason?> JudgeAsync(AccessRequest request, CancellationToken cancellationToken)
    {
        var allowed = rules.Count == 0;
        foreach (var rule in rules)
        {
            var opinion = await rule.JudgeAsync(request, cancellationToken).ConfigureAwait(false);
            if (opinion.Verdict == Verdict.Deny)
            {
                return opinion.Reason;
            }

            allowed |= opinion.Verdict == Verdict.Allow;
        }

        if (!allowed)
        {
            var code = rules.Count == 1 ? rules[0].MissingCode : Reasons.Unauthorized;
            return new Reason(code, $"this application asks for {string.Join(" or ", rules.Select(rule => rule.Asks))}");
        }

        return hook is null ? null : await hook.JudgeAsync(request, cancellationToken).ConfigureAwait(false);
    }
}
