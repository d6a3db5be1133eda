using System.Text.Json;

namespace Guanxi.Transformers.Hubs;

/// <summary>Values in a hub's answers, which may be anything.</summary>
internal static class HubJson
{
    /// <summary>A text, or null.</summary>
    public static string? Text(JsonElement item, string name) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString() : null;

    /// <summary>A number of bytes, or null.</summary>
    public static long? Length(JsonElement item, string name) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
        && value.TryGetInt64(out var length) && length >= 0
            ? length
            : null;
}
