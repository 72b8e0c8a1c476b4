namespace Transcoder.Host.Configuration;

/// <summary>What may stand at one place of the file.</summary>
internal abstract record SchemaNode;

/// <param name="Min">The smallest value allowed, written as in the file; null: no bound.</param>
/// <param name="Max">The largest.</param>
internal sealed record ScalarNode(ScalarType Type, string? Min = null, string? Max = null) : SchemaNode;

internal sealed record ObjectNode(IReadOnlyList<SchemaKey> Keys) : SchemaNode;

/// <summary>Keys that the operator chooses.</summary>
/// <param name="What">One of them, for messages: "app".</param>
internal sealed record NamedNode(string What, SchemaNode Value, int Min = 0) : SchemaNode;

internal sealed record ListNode(SchemaNode Item, int Min = 0, int Max = 64) : SchemaNode;

/// <param name="Default">As written in the file; null: see <see cref="Need"/>.</param>
/// <param name="Doc">What it is, in one line.</param>
/// <param name="Why">The reason for the default, or for there being none.</param>
internal sealed record SchemaKey(string Name, SchemaNode Node, string? Default, string Doc, string Why, Need Need = Need.Optional);

internal enum Need
{
    /// <summary>Left out, it is the default, or absent where there is none.</summary>
    Optional,

    Required,
}
