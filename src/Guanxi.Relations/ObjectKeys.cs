using System.Text.Json;
using Guanxi.Transformers;

namespace Guanxi.Relations;

/// <summary>Typed access to the keys of a JSON object that collects every problem; a value that does not fit is noted and read as absent.</summary>
/// <param name="root">The object.</param>
/// <param name="where">File, and place of a nested object; leads every problem.</param>
/// <param name="problems">Receives what is found.</param>
internal sealed class ObjectKeys(JsonElement root, string where, List<Problem> problems)
{
    /// <summary>Place of the object, for messages.</summary>
    public string Where => where;

    /// <summary>Notes keys that are none of these.</summary>
    public void Know(params string[] keys)
    {
        foreach (var unknown in Names().Where(name => !keys.Contains(name, StringComparer.Ordinal)))
        {
            var nearest = EditDistance.Nearest(unknown, keys);
            problems.Add(new Problem(where, $"unknown key '{unknown}'", string.Join(", ", keys), Hint: nearest is null ? null : $"Did you mean {nearest}?"));
        }
    }

    /// <summary>A text.</summary>
    public string? Text(string key, bool isRequired = false) => Find(key, "a text", _ => true, isRequired) is { } value ? TextOf(key, value) : null;

    /// <summary>The texts of a list; empty when it is absent.</summary>
    public IReadOnlyList<string> Texts(string key) => Find(key, "a list of texts", value => value.ValueKind == JsonValueKind.Array) is { } list
        ? [.. list.EnumerateArray().Select(item => TextOf(key, item)).OfType<string>()]
        : [];

    /// <summary>A whole number of a range.</summary>
    public long? Whole(string key, long least, long most) => Find(
        key, $"a whole number from {least} to {most}", value => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= least && number <= most)
        ?.GetInt64();

    /// <summary>A finite number.</summary>
    public double? Number(string key, bool isRequired = false) => Number(key, "a number", _ => true, isRequired);

    /// <summary>A finite number of a range.</summary>
    /// <param name="key">The key.</param>
    /// <param name="expected">The range, in words.</param>
    /// <param name="fits">Whether a number is of the range.</param>
    /// <param name="isRequired">Whether the key must be there.</param>
    public double? Number(string key, string expected, Func<double, bool> fits, bool isRequired = false) => Find(
        key, expected, value => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) && fits(number), isRequired)
        ?.GetDouble();

    /// <summary>True or false; false when it is absent.</summary>
    public bool Flag(string key) => Find(key, "true or false", value => value.ValueKind is JsonValueKind.True or JsonValueKind.False)?.GetBoolean() == true;

    /// <summary>A nested object.</summary>
    public ObjectKeys? Nested(string key) =>
        Find(key, "an object", value => value.ValueKind == JsonValueKind.Object) is { } value ? new ObjectKeys(value, $"{where}, {key}", problems) : null;

    /// <summary>A list of objects that must be there.</summary>
    public IReadOnlyList<ObjectKeys> Objects(string key) => Find(
            key, "a list of objects", value => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object), isRequired: true) is { } list
        ? [.. list.EnumerateArray().Select((item, index) => new ObjectKeys(item, $"{where}, {key} {index + 1}", problems))]
        : [];

    /// <summary>All members of a nested object; empty when it is absent.</summary>
    public Dictionary<string, T> Entries<T>(string key, Func<ObjectKeys, string, T> read) => Nested(key) is { } nested
        ? nested.Names().ToDictionary(name => name, name => read(nested, name), StringComparer.Ordinal)
        : [];

    /// <summary>A value; null, with a problem noted where there is one, when it is absent or does not fit.</summary>
    /// <param name="key">The key; a value of null counts as absent unless it is required.</param>
    /// <param name="expected">What fits, in words.</param>
    /// <param name="fits">Whether a value does.</param>
    /// <param name="isRequired">Whether the key must be there.</param>
    public JsonElement? Find(string key, string expected, Func<JsonElement, bool> fits, bool isRequired = false)
    {
        if (!root.TryGetProperty(key, out var value) || (value.ValueKind == JsonValueKind.Null && !isRequired))
        {
            if (isRequired)
            {
                problems.Add(new Problem($"{where}, {key}", "the key is missing", expected));
            }

            return null;
        }

        if (fits(value))
        {
            return value;
        }

        Note(key, expected, value);
        return null;
    }

    private void Note(string key, string expected, JsonElement value) =>
        problems.Add(new Problem($"{where}, {key}", "the value does not fit", expected, Excerpt.Of(value.GetRawText())));

    private IEnumerable<string> Names() => root.EnumerateObject().Select(member => member.Name);

    private string? TextOf(string key, JsonElement value)
    {
        try
        {
            if (value.ValueKind == JsonValueKind.String)
            {
                return value.GetString();
            }
        }
        catch (InvalidOperationException)
        {
            // The reader's answer to an escaped half of a surrogate pair, which is JSON but no text.
        }

        Note(key, "a text", value);
        return null;
    }
}
