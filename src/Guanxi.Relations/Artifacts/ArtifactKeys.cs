using System.Text.Json;
using Guanxi.Transformers;

namespace Guanxi.Relations.Artifacts;

/// <summary>Typed access to the keys of a JSON object; a value of another kind is noted and read as absent.</summary>
/// <param name="root">The object.</param>
/// <param name="where">File, and key of a nested object; leads every problem.</param>
/// <param name="problems">Receives what is found.</param>
internal sealed class ArtifactKeys(JsonElement root, string where, List<Problem> problems)
{
    public string? Text(string key) => Find(key) is not { } value ? null : TextOf(value, key);

    public IReadOnlyList<string> Texts(string key)
    {
        if (Find(key) is not { } value)
        {
            return [];
        }

        if (value.ValueKind == JsonValueKind.Array)
        {
            return [.. value.EnumerateArray().Select(item => TextOf(item, key)).OfType<string>()];
        }

        Note(key, "a list of texts", value);
        return [];
    }

    public long? Whole(string key, long least, long most)
    {
        if (Find(key) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= least && number <= most)
        {
            return number;
        }

        Note(key, $"a whole number from {least} to {most}", value);
        return null;
    }

    public double Number(string key)
    {
        if (Find(key) is { ValueKind: JsonValueKind.Number } value && value.TryGetDouble(out var number) && double.IsFinite(number))
        {
            return number;
        }

        Note(key, "a number", root.GetProperty(key));
        return 0;
    }

    public double? Share(string key)
    {
        if (Find(key) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number is > 0 and < 1)
        {
            return number;
        }

        Note(key, "a number between 0 and 1", value);
        return null;
    }

    public bool Flag(string key)
    {
        if (Find(key) is not { } value)
        {
            return false;
        }

        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        Note(key, "true or false", value);
        return false;
    }

    public ArtifactKeys? Nested(string key)
    {
        if (Find(key) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Object)
        {
            return new ArtifactKeys(value, $"{where}, {key}", problems);
        }

        Note(key, "an object", value);
        return null;
    }

    /// <summary>All members of a nested object.</summary>
    public Dictionary<string, T> Entries<T>(string key, Func<ArtifactKeys, string, T> read) => Nested(key) is { } nested
        ? nested.Names().ToDictionary(name => name, name => read(nested, name), StringComparer.Ordinal)
        : [];

    private string[] Names() => [.. root.EnumerateObject().Select(member => member.Name)];

    private JsonElement? Find(string key) =>
        root.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private string? TextOf(JsonElement value, string key)
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

    private void Note(string key, string expected, JsonElement value) =>
        problems.Add(new Problem($"{where}, {key}", "the value is of another kind", expected, Excerpt.Of(value.GetRawText())));
}
