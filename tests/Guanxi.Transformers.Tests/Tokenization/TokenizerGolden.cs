using System.IO.Compression;
using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Transformers.Tests.Tokenization;

/// <summary>Reads the reference rows of <c>golden/tokenizers</c>.</summary>
internal static class TokenizerGolden
{
    public static string Folder(string name) => Golden.Locate(Path.Combine("tokenizers", name));

    /// <summary>Loads a tokenizer, whose large files may be packed.</summary>
    public static ITokenizer Load(string name, params string[] without)
    {
        var folder = Directory.CreateTempSubdirectory("guanxi-tokenizer").FullName;
        try
        {
            foreach (var path in Directory.EnumerateFiles(Folder(name), "*okenizer*").Concat(Directory.EnumerateFiles(Folder(name), "vocab*")))
            {
                var file = Path.GetFileName(path);
                using Stream content = file.EndsWith(".gz", StringComparison.Ordinal) ? Unzip(path) : File.OpenRead(path);
                if (!without.Contains(file))
                {
                    using var copy = File.Create(Path.Combine(folder, file.Replace(".gz", string.Empty, StringComparison.Ordinal)));
                    content.CopyTo(copy);
                }
            }

            return TokenizerLoader.Load(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public static IEnumerable<JsonElement> Rows(string name, string file)
    {
        var path = Path.Combine(Folder(name), file);
        using Stream content = file.EndsWith(".gz", StringComparison.Ordinal) ? Unzip(path) : File.OpenRead(path);
        using var reader = new StreamReader(content);
        while (reader.ReadLine() is { } line)
        {
            using var document = JsonDocument.Parse(line);
            yield return document.RootElement.Clone();
        }
    }

    public static JsonElement Packed(string name, string file)
    {
        using var content = Unzip(Path.Combine(Folder(name), file));
        using var document = JsonDocument.Parse(content);
        return document.RootElement.Clone();
    }

    public static int[] Ids(JsonElement row) => [.. row.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];

    /// <summary>The ranges of a row, which count code points, as ranges of UTF-16 units.</summary>
    public static (int Start, int End)[] Offsets(JsonElement row, string text)
    {
        var units = new List<int>(text.Length + 1);
        for (var at = 0; at < text.Length; at += char.IsSurrogatePair(text, at) ? 2 : 1)
        {
            units.Add(at);
        }

        units.Add(text.Length);
        return [.. row.GetProperty("offsets").EnumerateArray().Select(pair => (units[pair[0].GetInt32()], units[pair[1].GetInt32()]))];
    }

    /// <summary>All code points in the inclusive ranges of a golden list.</summary>
    public static HashSet<int> CodePoints(JsonElement ranges) =>
        [.. ranges.EnumerateArray().SelectMany(range => Enumerable.Range(range[0].GetInt32(), range[1].GetInt32() - range[0].GetInt32() + 1))
            .Where(rune => rune is < 0xD800 or > 0xDFFF)];

    private static GZipStream Unzip(string path) => new(File.OpenRead(path), CompressionMode.Decompress);
}
