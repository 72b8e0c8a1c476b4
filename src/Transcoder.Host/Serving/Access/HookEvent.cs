using System.Text.Json;
using System.Text.Json.Serialization;
using Transcoder.Media;
using Transcoder.Media.Ports;

namespace Transcoder.Host.Serving.Access;

/// <summary>What a hook is told: a flat JSON object.</summary>
/// <param name="Event">publish, play, unpublish or stop.</param>
/// <param name="Id">The same for a client's beginning and its end.</param>
/// <param name="Parameters">As the client wrote them, secrets included: the hook's owner gave them out.</param>
internal sealed record HookEvent(string Event, string Id, string App, string Stream, string Address, string? Parameters, ReasonWords? Reason = null, double? Seconds = null)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public static HookEvent Begin(AccessRequest request) =>
        new(SignedAddress.Word(request.Action), request.Id, request.App, request.Stream, request.RemoteAddress, request.Query);

    public static HookEvent End(AccessRequest request, Reason reason, TimeSpan after) => new(
        request.Action == AccessAction.Publish ? "unpublish" : "stop", request.Id, request.App, request.Stream, request.RemoteAddress, null,
        new ReasonWords(reason.Code, reason.Detail), Math.Round(after.TotalSeconds, 3));

    public string ToJson() => JsonSerializer.Serialize(this, Json);

    /// <summary>Without the parameters.</summary>
    public override string ToString() => $"{Event} {App}/{Stream}";
}

internal sealed record ReasonWords(string Code, string Detail);
