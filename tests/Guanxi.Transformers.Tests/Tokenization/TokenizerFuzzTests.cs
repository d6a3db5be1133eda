using System.Text.Json.Nodes;
using Guanxi.TestKit;
using Guanxi.Transformers.Tokenization;
using Xunit;

namespace Guanxi.Transformers.Tests.Tokenization;

public sealed class TokenizerFuzzTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("guanxi-tokenizer").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [GoldenInlineData("golden/tokenizers/nano-bbpe", "nano-bbpe")]
    [GoldenInlineData("golden/tokenizers/nano-wordpiece", "nano-wordpiece")]
    public void Changed_files_give_the_declared_exception_or_a_tokenizer_that_works(string name)
    {
        var whole = JsonNode.Parse(File.ReadAllText(Path.Combine(TokenizerGolden.Folder(name), "tokenizer.json")))!;

        var random = new Random(20240);
        var (refused, loaded) = (0, 0);
        for (var round = 0; round < 150; round++)
        {
            var changed = whole.DeepClone();
            for (var changes = random.Next(1, 3); changes > 0; changes--)
            {
                Change(changed, random);
            }

            File.WriteAllText(Path.Combine(_folder, "tokenizer.json"), changed.ToJsonString());
            try
            {
                var tokenizer = TokenizerLoader.Load(_folder);
                var encoded = tokenizer.Tokenize("关系 [CLS]<|im_end|> don't\r\n 12é\u0301😀\uD800", new TokenizeOptions(ParseSpecial: true, AddSpecial: true));
                tokenizer.Decode(encoded.Ids);
                tokenizer.Decode([.. Enumerable.Range(0, tokenizer.VocabularySize)]);
                loaded++;
            }
            catch (CheckpointException e)
            {
                Assert.All(e.Problems, problem => Assert.StartsWith(_folder, problem.Where, StringComparison.Ordinal));
                refused++;
            }
        }

        // Both outcomes must occur, or the changes are too tame or too wild to test anything.
        Assert.InRange(refused, 20, 140);
        Assert.InRange(loaded, 10, 130);
    }

    /// <summary>Removes a value somewhere in the tree, or puts one of another kind there.</summary>
    private static void Change(JsonNode node, Random random)
    {
        while (true)
        {
            var keys = node is JsonObject map ? map.Select(item => item.Key).ToArray() : [];
            var count = node is JsonArray list ? list.Count : keys.Length;
            if (count == 0)
            {
                return;
            }

            var at = random.Next(count);
            var child = node is JsonArray items ? items[at] : node[keys[at]];
            if (child is JsonObject or JsonArray && random.Next(4) > 0)
            {
                node = child;
                continue;
            }

            JsonNode? value = random.Next(7) switch { 0 => "x", 1 => -1, 2 => 1 << 30, 3 => true, 4 => new JsonArray(1, "a"), 5 => new JsonObject(), _ => null };
            switch (node)
            {
                case JsonArray array when random.Next(2) == 0:
                    array.RemoveAt(at);
                    break;
                case JsonArray array:
                    array[at] = value;
                    break;
                case JsonObject entry when random.Next(2) == 0:
                    entry.Remove(keys[at]);
                    break;
                case JsonObject entry:
                    entry[keys[at]] = value;
                    break;
            }

            return;
        }
    }
}
