using System.IO.Compression;
using System.Text.Json;
using Guanxi.TestKit;

namespace Guanxi.Transformers.Tests.Tokenization;

/// <summary>Reads the reference rows of <c>golden/tokenizers</c>.</summary>
internal static class TokenizerGolden
{
    public static string Folder(string name) => Golden.Locate(Path.Combine("tokenizers", name));

    public static IEnumerable<JsonElement> Rows(string name, string file)
    {
        using var unzipped = new GZipStream(File.OpenRead(Path.Combine(Folder(name), file)), CompressionMode.Decompress);
        using var reader = new StreamReader(unzipped);
        while (reader.ReadLine() is { } line)
        {
            using var document = JsonDocument.Parse(line);
            yield return document.RootElement.Clone();
        }
    }

    public static int[] Ids(JsonElement row) => [.. row.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
}
