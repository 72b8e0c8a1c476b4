using System.Text.Json.Serialization;

namespace Transcoder.Media;

/// <summary>
/// Why something was done or ended, in two forms of one decision: a stable code for metrics, log filters and the API, and a sentence for a person.
/// </summary>
/// <param name="Code">snake_case, from <see cref="Reasons"/>; never contains a name, an address or a secret.</param>
/// <param name="Detail">Plain text with the particulars; no secrets.</param>
[method: JsonConstructor]
public readonly record struct Reason(string Code, string Detail)
{
    public override string ToString() => string.IsNullOrEmpty(Detail) ? Code : $"{Code}: {Detail}";
}
