using Transcoder.Media;
using Transcoder.Media.Ports;

namespace Transcoder.Host.Serving.Access;

internal enum Verdict
{
    /// <summary>The client brought nothing that this rule looks at.</summary>
    NoOpinion,

    Allow,
    Deny,
}

/// <param name="Reason">For a denial: it begins with the rule's name.</param>
internal readonly record struct Opinion(Verdict Verdict, Reason Reason)
{
    public static readonly Opinion None;

    public static readonly Opinion Allow = new(Verdict.Allow, default);

    public static Opinion Deny(string code, string detail) => new(Verdict.Deny, new Reason(code, detail));
}

/// <summary>One way to show that one may come in.</summary>
internal interface IAccessRule
{
    /// <summary>What a client is told to bring: "?key=… behind the stream name".</summary>
    string Asks { get; }

    /// <summary>The code of a refusal for having brought nothing, where there is no other rule.</summary>
    string MissingCode { get; }

    ValueTask<Opinion> JudgeAsync(AccessRequest request, CancellationToken cancellationToken);

    /// <summary>Called every second: for files and addresses that change.</summary>
    void Tick()
    {
    }
}
