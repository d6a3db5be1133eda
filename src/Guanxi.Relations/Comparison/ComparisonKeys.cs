using System.Text.Json;
using Guanxi.Transformers;

namespace Guanxi.Relations.Comparison;

/// <summary>Keys of an object of a comparison's file; what is missing, of another kind or unknown becomes a problem.</summary>
/// <param name="root">The object.</param>
/// <param name="where">File, and place of a nested object.</param>
/// <param name="problems">Receives what is found.</param>
internal sealed class ComparisonKeys(JsonElement root, string where, List<Problem> problems)
{
    /// <summary>Place of the object, for messages.</summary>
    public string Where => where;

    /// <summary>Notes keys that are none of these.</summary>
    public void Know(params string[] keys)
    {
        foreach (var unknown in root.EnumerateObject().Select(item => item.Name).Where(name => !keys.Contains(name, StringComparer.Ordinal)))
        {
            var nearest = EditDistance.Nearest(unknown, keys);
            problems.Add(new Problem(where, $"unknown key '{unknown}'", string.Join(", ", keys), Hint: nearest is null ? null : $"Did you mean {nearest}?"));
        }
    }

    /// <summary>A text that must be there.</summary>
    public string? Text(string key) => Find(key, "a text", value => value.ValueKind == JsonValueKind.String) is { } value ? value.GetString() : null;

    /// <summary>A number from 0 to 1, or null.</summary>
    public double? Share(string key) => !root.TryGetProperty(key, out _) ? null
        : Find(key, "a number from 0 to 1", value => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number is >= 0 and <= 1)?.GetDouble();

    /// <summary>True or false; false when it is not there.</summary>
    public bool Flag(string key) =>
        root.TryGetProperty(key, out _) && Find(key, "true or false", value => value.ValueKind is JsonValueKind.True or JsonValueKind.False)?.GetBoolean() == true;

    /// <summary>Seeds: at least one.</summary>
    public IReadOnlyList<int> Seeds(string key) => Find(
            key, "a list of whole numbers", value => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0
                && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out _))) is { } list
        ? [.. list.EnumerateArray().Select(item => item.GetInt32()).Distinct()]
        : [];

    /// <summary>Keys of training and their values as the command line would have them.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> TrainKeys(string key) => Find(key, "an object of train's keys", value => value.ValueKind == JsonValueKind.Object) is { } keys
        ? [.. keys.EnumerateObject().Select(item => KeyValuePair.Create(item.Name, TextOf(item.Value)))]
        : [];

    /// <summary>A list of objects.</summary>
    public IReadOnlyList<ComparisonKeys> Objects(string key) => Find(
            key, "a list of objects", value => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object)) is { } list
        ? [.. list.EnumerateArray().Select((item, index) => new ComparisonKeys(item, $"{where}, {key} {index + 1}", problems))]
        : [];

    private static string TextOf(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array ? string.Join(',', value.EnumerateArray().Select(item => item.ToString())) : value.ToString();

    private JsonElement? Find(string key, string expected, Func<JsonElement, bool> fits)
    {
        if (!root.TryGetProperty(key, out var value))
        {
            problems.Add(new Problem($"{where}, {key}", "the key is missing", expected));
            return null;
        }

        if (fits(value))
        {
            return value;
        }

        problems.Add(new Problem($"{where}, {key}", "the value does not fit", expected, Excerpt.Of(value.GetRawText())));
        return null;
    }
}
