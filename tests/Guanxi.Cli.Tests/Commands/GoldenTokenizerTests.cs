using System.IO.Compression;
using System.Text.Json;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Commands;

/// <summary>Every tokenizer of the reference from the command line.</summary>
public sealed class GoldenTokenizerTests
{
    public static TheoryData<string> Folders => new(
        Directory.EnumerateDirectories(Golden.TrySharedPath("golden/tokenizers") ?? Golden.Locate("tokenizers"))
            .Where(folder => File.Exists(Path.Combine(folder, "cases.jsonl.gz")))
            .Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Folders))]
    public void Tokenize_gives_the_reference_ids(string name)
    {
        using var folder = new TemporaryFolder();
        var model = Unpacked(folder.Copy(Golden.Locate($"tokenizers/{name}"), "model"));
        foreach (var group in Cases(name).GroupBy(item => item.TryGetProperty("special", out var special) && special.GetBoolean()))
        {
            var rows = folder.Add("rows.jsonl", group.Select(item => JsonSerializer.Serialize(new { text = item.GetProperty("text").GetString() })));
            var isWordPiece = name.Contains("wordpiece", StringComparison.Ordinal) || name.StartsWith("bert", StringComparison.Ordinal);

            var result = InProcess.Run(
                "tokenize", "--model", model, "--data", rows, "--special", group.Key ? "true" : "false",
                "--add_special", isWordPiece ? "true" : "false").Expect(ExitCode.Done).Rows;

            Assert.Equal(
                group.Select(item => item.GetProperty("ids").GetRawText().Replace(" ", "", StringComparison.Ordinal)),
                result.Select(row => row.GetProperty("ids").GetRawText().Replace(" ", "", StringComparison.Ordinal)));
        }
    }

    /// <summary>The large vocabularies are kept compressed.</summary>
    private static string Unpacked(string folder)
    {
        foreach (var packed in Directory.EnumerateFiles(folder, "tokenizer.json.gz"))
        {
            using var from = new GZipStream(File.OpenRead(packed), CompressionMode.Decompress);
            using var to = File.Create(packed[..^".gz".Length]);
            from.CopyTo(to);
        }

        return folder;
    }

    private static List<JsonElement> Cases(string name)
    {
        using var file = new StreamReader(new GZipStream(File.OpenRead(Golden.Locate($"tokenizers/{name}/cases.jsonl.gz")), CompressionMode.Decompress));
        var cases = new List<JsonElement>();
        while (file.ReadLine() is { } line)
        {
            cases.Add(JsonSerializer.Deserialize<JsonElement>(line));
        }

        return cases;
    }
}
