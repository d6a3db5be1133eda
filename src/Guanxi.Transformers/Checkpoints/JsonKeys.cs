using System.Globalization;
using System.Text.Json;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>Typed access to the keys of one JSON object that collects every problem instead of stopping at the first.</summary>
/// <param name="root">The object.</param>
/// <param name="where">File, and key when the object is nested; leads every problem.</param>
/// <param name="problems">Receives what is found.</param>
internal sealed class JsonKeys(JsonElement root, string where, List<Problem> problems)
{
    /// <summary>Whether the key is there and not null.</summary>
    public bool Has(string key) => TryFind(key, out _);

    /// <summary>Whether the key is there, null or not.</summary>
    public bool Mentions(string key) => root.TryGetProperty(key, out _);

    /// <summary>Finds a value that is not null.</summary>
    public bool TryFind(string key, out JsonElement value) =>
        root.TryGetProperty(key, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>Notes a problem with a key.</summary>
    public void Report(string key, string what, string? expected, string? found) =>
        problems.Add(new Problem($"{where}, {key}", what, expected, found));

    /// <summary>A whole number from 1 to <paramref name="max"/> that must be given.</summary>
    public int Size(string key, int max)
    {
        if (Has(key))
        {
            return Size(key, 1, max);
        }

        Report(key, "the key is missing", "a whole number", null);
        return 1;
    }

    /// <summary>A whole number from 1 to <paramref name="max"/>, or the fallback when absent or null.</summary>
    public int Size(string key, int fallback, int max)
    {
        if (!TryFind(key, out var value))
        {
            return fallback;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= 1 && number <= max)
        {
            return number;
        }

        Report(key, "not a usable size", string.Create(CultureInfo.InvariantCulture, $"a whole number from 1 to {max}"), Show(value));
        return 1;
    }

    /// <summary>A finite number inside a range, or the fallback when absent or null.</summary>
    public double Number(string key, double fallback, double min, double max)
    {
        if (!TryFind(key, out var value))
        {
            return fallback;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= min && number <= max)
        {
            return number;
        }

        Report(key, "not a usable number", string.Create(CultureInfo.InvariantCulture, $"a number from {min} to {max}"), Show(value));
        return fallback;
    }

    /// <summary>A finite number inside a range that must be given.</summary>
    public double RequiredNumber(string key, double min, double max)
    {
        if (!Has(key))
        {
            Report(key, "the key is missing", "a number", null);
        }

        return Number(key, min, min, max);
    }

    /// <summary>True or false, or the fallback when absent or null.</summary>
    public bool Flag(string key, bool fallback)
    {
        if (!TryFind(key, out var value))
        {
            return fallback;
        }

        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        Report(key, "not a truth value", "true or false", Show(value));
        return fallback;
    }

    /// <summary>A string, or null when absent or null.</summary>
    public string? Text(string key)
    {
        if (!TryFind(key, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String)
        {
            return value.GetString();
        }

        Report(key, "not a string", "a string", Show(value));
        return null;
    }

    /// <summary>A list of strings, or null when absent or null.</summary>
    public string[]? Texts(string key)
    {
        if (!TryFind(key, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String))
        {
            return [.. value.EnumerateArray().Select(item => item.GetString()!)];
        }

        Report(key, "not a list of strings", "[\"...\"]", Show(value));
        return null;
    }

    /// <summary>A token id, or the fallback when absent; null and negative numbers mean that there is none.</summary>
    public int? TokenId(string key, int? fallback, int vocabularySize)
    {
        if (!Mentions(key))
        {
            return fallback;
        }

        return TryFind(key, out var value) ? TokenId(key, value, vocabularySize) : null;
    }

    /// <summary>One id or a list of ids, or the fallback when absent.</summary>
    public int[] TokenIds(string key, int[] fallback, int vocabularySize)
    {
        if (!Mentions(key))
        {
            return fallback;
        }

        if (!TryFind(key, out var value))
        {
            return [];
        }

        IEnumerable<JsonElement> items = value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [value];
        return [.. items.Select(item => TokenId(key, item, vocabularySize)).OfType<int>()];
    }

    /// <summary>A nested object, or null when absent or null.</summary>
    public JsonKeys? Nested(string key)
    {
        if (!TryFind(key, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Object)
        {
            return new JsonKeys(value, $"{where}, {key}", problems);
        }

        Report(key, "not an object", "{...}", Show(value));
        return null;
    }

    /// <summary>A value as it stands in the file, shortened for a message.</summary>
    public static string Show(JsonElement value) => FileErrors.Quote(value.GetRawText());

    private int? TokenId(string key, JsonElement value, int vocabularySize)
    {
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var id) && id < vocabularySize)
        {
            return id < 0 ? null : id;
        }

        Report(key, "not an id of the vocabulary", $"a whole number below {vocabularySize}", Show(value));
        return null;
    }
}
