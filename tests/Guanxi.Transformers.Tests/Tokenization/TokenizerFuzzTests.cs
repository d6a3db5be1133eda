using System.Text;
using System.Text.Json.Nodes;
using Guanxi.TestKit;
using Guanxi.Transformers.Tokenization;
using Guanxi.Transformers.Tokenization.Unicode;
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
        var rounds = LongTests.Count(150, 5000);
        for (var round = 0; round < rounds; round++)
        {
            var changed = whole.DeepClone();
            for (var changes = random.Next(1, 3); changes > 0; changes--)
            {
                Change(changed, random);
            }

            File.WriteAllText(Path.Combine(_folder, "tokenizer.json"), changed.ToJsonString());
            _ = Works() ? loaded++ : refused++;
        }

        // Both outcomes must occur, or the changes are too tame or too wild to test anything.
        Assert.InRange(refused, rounds / 8, rounds);
        Assert.InRange(loaded, rounds / 15, rounds);
    }

    [GoldenFact("golden/tokenizers/nano-wordpiece")]
    public void Spoilt_bytes_of_a_list_of_words_are_refused_or_give_a_tokenizer_that_works()
    {
        var whole = File.ReadAllBytes(Path.Combine(TokenizerGolden.Folder("nano-wordpiece"), "vocab.txt"));
        var random = new Random(20241);
        var rounds = LongTests.Count(150, 5000);
        var loaded = 0;
        for (var round = 0; round < rounds; round++)
        {
            var spoilt = whole[..^(random.Next(3) == 0 ? random.Next(whole.Length) : 0)];
            for (var changes = random.Next(6); changes > 0 && spoilt.Length > 0; changes--)
            {
                spoilt[random.Next(spoilt.Length)] = (byte)random.Next(256);
            }

            File.WriteAllBytes(Path.Combine(_folder, "vocab.txt"), spoilt);
            loaded += Works() ? 1 : 0;
        }

        Assert.InRange(loaded, 1, rounds - 1);
    }

    [Theory]
    [GoldenInlineData("golden/tokenizers/nano-spm", "nano-spm", false)]
    [GoldenInlineData("golden/tokenizers/nano-bbpe", "nano-bbpe", true)]
    public void Random_text_comes_back_as_it_was_but_for_its_normal_form(string name, bool isComposed)
    {
        var tokenizer = TokenizerGolden.Load(name);
        var random = new Random(20242);
        for (var round = LongTests.Count(2000, 50_000); round > 0; round--)
        {
            var text = round == 1 ? string.Concat(Enumerable.Repeat(RandomText(random), 1 << 16))[..(1 << 20)] : RandomText(random);

            var back = tokenizer.Decode(tokenizer.Encode(text));

            // Half a pair is read as U+FFFD; SentencePiece's sign for a space cannot be told from one. The runtime's own normal forms are
            // those of ASCII alone where globalisation is off; ours are compared with the reference elsewhere.
            var whole = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            Assert.Equal(isComposed ? UnicodeNormalizer.Of(NormalizationForm.FormC).Apply(whole)?.Text ?? whole : whole.Replace('\u2581', ' '), back);
        }
    }

    /// <summary>Characters of many kinds: halves of pairs, NUL, joiners, marks, letters, ideographs, emoji.</summary>
    private static string RandomText(Random random)
    {
        var text = new StringBuilder();
        for (var length = random.Next(1, 40); length > 0; length--)
        {
            _ = random.Next(10) switch
            {
                0 => text.Append((char)random.Next(0xD800, 0xE000)),
                1 => text.Append((char)random.Next(0, 0x20)),
                2 => text.Append((char)random.Next(0x200B, 0x2010)),
                3 => text.Append((char)random.Next(0x300, 0x370)),
                4 => text.Append(char.ConvertFromUtf32(random.Next(0x1F300, 0x1FA00))),
                5 => text.Append((char)random.Next(0x20, 0x7F)),
                6 => text.Append((char)random.Next(0xA0, 0x2000)),
                7 => text.Append(' ', random.Next(1, 5)),
                _ => text.Append((char)random.Next(0x4E00, 0xA000)),
            };
        }

        return text.ToString();
    }

    /// <summary>Whether the folder's tokenizer loads, and then does all its work; what does not load is refused with a place in the folder.</summary>
    private bool Works()
    {
        try
        {
            var tokenizer = TokenizerLoader.Load(_folder);
            var encoded = tokenizer.Tokenize("关系 [CLS]<|im_end|> don't\r\n 12é\u0301😀\uD800", new TokenizeOptions(ParseSpecial: true, AddSpecial: true));
            tokenizer.Decode(encoded.Ids);
            tokenizer.Decode([.. Enumerable.Range(0, tokenizer.VocabularySize)]);
            return true;
        }
        catch (CheckpointException e)
        {
            Assert.All(e.Problems, problem => Assert.StartsWith(_folder, problem.Where, StringComparison.Ordinal));
            return false;
        }
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
