namespace Transcoder.Host.Configuration;

/// <summary>The file after binding: values with the place they came from. A default stands at the place of the map it was left out of.</summary>
/// <param name="Written">False: the default.</param>
internal abstract record Bound(Place At, bool Written);

/// <param name="Value">Null where the text was wrong, which has been reported.</param>
internal sealed record BoundScalar(Place At, bool Written, string Text, object? Value) : Bound(At, Written);

internal sealed record BoundList(Place At, bool Written, IReadOnlyList<Bound> Items) : Bound(At, Written);

/// <param name="Names">Where each key is written, by name.</param>
internal sealed record BoundMap(Place At, bool Written, IReadOnlyDictionary<string, Bound> Values, IReadOnlyDictionary<string, Place> Names) : Bound(At, Written)
{
    public bool Has(string key) => Values.ContainsKey(key);

    public BoundMap Map(string key) => (BoundMap)Values[key];

    public BoundMap? MapOrNull(string key) => Values.GetValueOrDefault(key) as BoundMap;

    public IReadOnlyList<Bound> List(string key) => Values.GetValueOrDefault(key) is BoundList list ? list.Items : [];

    public BoundScalar? Scalar(string key) => Values.GetValueOrDefault(key) as BoundScalar;

    /// <summary>The value, or the type's zero where the key is absent or its value was wrong.</summary>
    public T? Get<T>(string key) => Scalar(key)?.Value is T value ? value : default;

    /// <summary>The value of a key that is required or has a default, in a file without errors.</summary>
    public T Value<T>(string key) =>
        Scalar(key)?.Value is T value ? value : throw new InvalidOperationException($"{key} has no {typeof(T).Name}: the schema and its reader disagree");
}
