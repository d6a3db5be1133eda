using System.Text.Json;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;

namespace Guanxi.Relations;

/// <summary>Reads a list of labels from a file.</summary>
/// <remarks>
/// Text: one label a line, aliases after it joined by <c>=</c> (<c>不知道=unknown</c>); blank lines are ignored.
/// JSON: <c>["a","b"]</c>, or <c>{"labels":["a","b"],"aliases":{"a":["A"]}}</c> as <c>GET /v1/labels</c> gives it.
/// </remarks>
public static class LabelsFile
{
    /// <summary>Reads the file.</summary>
    /// <param name="path">A UTF-8 file.</param>
    /// <returns>The schema, in the file's order.</returns>
    /// <exception cref="OptionsException">The file cannot be read, or a label in it is wrong; all problems are listed.</exception>
    public static RelationSchema Read(string path)
    {
        var text = TextFile.ReadAll(path);
        var start = text.TrimStart();
        return RelationSchema.FromLabels(start.StartsWith('[') || start.StartsWith('{') ? FromJson(path, text) : FromLines(text), path);
    }

    private static string[][] FromLines(string text) =>
    [
        .. text.Split('\n')
            .Where(line => !string.IsNullOrWhiteSpace(line))
            .Select(line => line.Split('=', StringSplitOptions.TrimEntries)),
    ];

    private static string[][] FromJson(string path, string text)
    {
        var expected = "a list of texts, or an object with \"labels\" and \"aliases\"";
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            if (root.ValueKind == JsonValueKind.Array)
            {
                return [.. Texts(root).Select(label => new[] { label })];
            }

            var labels = Texts(root.GetProperty("labels"));
            var hasAliases = root.TryGetProperty("aliases", out var aliases);
            var named = hasAliases ? aliases.EnumerateObject().Select(entry => entry.Name) : [];
            var unknown = named.Except(labels).ToArray();
            if (unknown.Length > 0)
            {
                throw new OptionsException([.. unknown.Select(name =>
                    new Problem($"{path}, aliases", "these belong to no label", "a name from \"labels\"", name))]);
            }

            return [.. labels.Select(label => hasAliases && aliases.TryGetProperty(label, out var others) ? [label, .. Texts(others)]
                : new[] { label })];
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            // The three ways in which System.Text.Json says that a document has another shape.
            throw new OptionsException(new Problem(path, "the labels cannot be read as JSON", expected, fault.Message));
        }
    }

    private static string[] Texts(JsonElement list) =>
        [.. list.EnumerateArray().Select(item => item.GetString() ?? throw new JsonException("null stands where a text is expected"))];
}
