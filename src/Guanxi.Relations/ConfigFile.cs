using System.Text.Json;
using Guanxi.Transformers;

namespace Guanxi.Relations;

/// <summary>Files that people write by hand: a JSON object, with comments and commas behind the last item where they like.</summary>
internal static class ConfigFile
{
    private const int MaxBytes = 1 << 20;

    private static readonly JsonDocumentOptions s_lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false };

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="kind">What it is to be, with its article.</param>
    /// <param name="expected">What it is to hold.</param>
    /// <returns>The object.</returns>
    /// <exception cref="OptionsException">The file cannot be read, or is too large, or is no such object.</exception>
    public static JsonElement Read(string path, string kind, string expected)
    {
        try
        {
            var bytes = new FileInfo(path).Length > MaxBytes ? throw new JsonException($"larger than {MaxBytes} bytes") : File.ReadAllBytes(path);
            using var document = JsonDocument.Parse(bytes, s_lenient);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone()
                : throw new JsonException($"not an object but {Excerpt.Of(document.RootElement.GetRawText())}");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            // InvalidOperationException: a name with half a surrogate pair, found when duplicates are looked for.
            throw new OptionsException(new Problem(path, $"cannot be read as {kind}: {error.Message.TrimEnd('.')}", expected));
        }
    }
}
