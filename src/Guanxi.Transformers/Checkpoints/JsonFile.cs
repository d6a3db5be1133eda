using System.Text.Json;
using System.Text.Unicode;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>Reads a small JSON file that may come from anywhere: size, encoding, duplicate keys and root type are checked.</summary>
internal static class JsonFile
{
    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false };

    /// <summary>Reads a file whose root must be an object.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">Largest size that is read at all.</param>
    /// <returns>The root object, independent of any document to dispose.</returns>
    /// <exception cref="CheckpointException">The file cannot be read or is no such JSON.</exception>
    public static JsonElement ReadObject(string path, int maxBytes) => ParseObject(ReadBytes(path, maxBytes), path);

    /// <summary>Parses bytes whose root must be an object.</summary>
    /// <param name="bytes">UTF-8 text; a byte order mark is skipped.</param>
    /// <param name="path">Named in errors.</param>
    /// <returns>The root object, independent of any document to dispose.</returns>
    /// <exception cref="CheckpointException">The text is no JSON object.</exception>
    public static JsonElement ParseObject(ReadOnlyMemory<byte> bytes, string path)
    {
        var root = Parse(bytes, path);
        return root.ValueKind == JsonValueKind.Object
            ? root
            : throw new CheckpointException(new Problem(path, "the root is not a JSON object", "{...}", root.ValueKind.ToString()));
    }

    /// <summary>Parses bytes whose root may be anything.</summary>
    /// <param name="bytes">UTF-8 text; a byte order mark is skipped.</param>
    /// <param name="path">Named in errors.</param>
    /// <returns>The root, independent of any document to dispose.</returns>
    /// <exception cref="CheckpointException">The text is no JSON.</exception>
    public static JsonElement Parse(ReadOnlyMemory<byte> bytes, string path)
    {
        if (bytes.Span is [0xEF, 0xBB, 0xBF, ..])
        {
            bytes = bytes[3..];
        }

        if (!Utf8.IsValid(bytes.Span))
        {
            throw new CheckpointException(new Problem(path, "the text is not UTF-8", Hint: "The file is damaged or of another kind."));
        }

        try
        {
            RefuseBrokenEscapes(bytes.Span);
            using var document = JsonDocument.Parse(bytes, s_strict);
            return document.RootElement.Clone();
        }
        catch (JsonException error)
        {
            throw new CheckpointException(new Problem(path, "not valid JSON", Found: error.Message.TrimEnd('.')), error);
        }
        catch (InvalidOperationException error)
        {
            // The reader answers so to an escaped half of a surrogate pair, which is JSON but not text.
            throw new CheckpointException(new Problem(path, "a string holds half a surrogate pair"), error);
        }
    }

    /// <summary>Reads a whole file that must not be larger than expected of its kind.</summary>
    /// <exception cref="CheckpointException">The file cannot be read or is too large.</exception>
    public static byte[] ReadBytes(string path, int maxBytes)
    {
        try
        {
            using var stream = File.OpenRead(path);
            if (stream.Length > maxBytes)
            {
                throw new CheckpointException(
                    new Problem(path, "the file is too large for its kind", $"at most {maxBytes} bytes", $"{stream.Length} bytes"));
            }

            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            throw FileErrors.Wrap(path, "the file cannot be read", error);
        }
    }

    private static void RefuseBrokenEscapes(ReadOnlySpan<byte> bytes)
    {
        var reader = new Utf8JsonReader(bytes);
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped)
            {
                _ = reader.GetString();
            }
        }
    }
}
