using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>JSON as Python's libraries write their configurations: keys sorted, two spaces, floats that look like floats.</summary>
internal static class PythonJson
{
    private static readonly JsonSerializerOptions s_options = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The text of an object with its keys in ordinal order, without a last line feed.</summary>
    public static string Write(IEnumerable<KeyValuePair<string, JsonNode?>> keys) =>
        new JsonObject(keys.OrderBy(item => item.Key, StringComparer.Ordinal)).ToJsonString(s_options);

    /// <summary>The text of an object with its keys as they stand, without a last line feed.</summary>
    public static string WriteAsIs(JsonObject json) => json.ToJsonString(s_options);

    /// <summary>A number spelled with point or exponent: Python's strict configurations refuse an integer for a float.</summary>
    public static JsonNode Float(double value)
    {
        var text = value.ToString("R", CultureInfo.InvariantCulture).Replace('E', 'e');
        return JsonNode.Parse(text.AsSpan().ContainsAny('.', 'e') ? text : text + ".0")!;
    }

    /// <summary>A list of strings, or null.</summary>
    public static JsonArray? Strings(IEnumerable<string>? items) =>
        items is null ? null : new JsonArray([.. items.Select(item => JsonValue.Create(item))]);
}
