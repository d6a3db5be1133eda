using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Transformers.Tokenization;
using Guanxi.Transformers.Tokenization.WordPieces;
using Xunit;

namespace Guanxi.Transformers.Tests.Tokenization;

public sealed class WordPieceGoldenTests
{
    [Theory]
    [GoldenInlineData("golden/tokenizers/nano-wordpiece", "nano-wordpiece")]
    [GoldenInlineData("golden/tokenizers/tiny-wordpiece", "tiny-wordpiece")]
    [GoldenInlineData("golden/tokenizers/bert-base-chinese", "bert-base-chinese")]
    public void Every_text_gets_the_ids_and_places_of_the_reference_and_decodes_as_there(string name)
    {
        var (json, text) = (Load(name), Load(name, "tokenizer.json"));
        var checkedRows = 0;
        foreach (var row in TokenizerGolden.Rows(name, "cases.jsonl.gz"))
        {
            var source = row.GetProperty("text").GetString()!;
            var options = new TokenizeOptions(row.GetProperty("special").GetBoolean(), AddSpecial: true);
            foreach (var tokenizer in new[] { json, text })
            {
                var encoded = tokenizer.Tokenize(source, options);
                Assert.True(TokenizerGolden.Ids(row).AsSpan().SequenceEqual(encoded.Ids), $"ids of '{source}', {options}");
                Assert.True(TokenizerGolden.Offsets(row, source).AsSpan().SequenceEqual(encoded.Offsets), $"places of '{source}', {options}");
                var cleaned = row.TryGetProperty("decoded_clean", out var clean) ? clean : row.GetProperty("decoded");
                Assert.Equal(cleaned.GetString(), tokenizer.Decode(encoded.Ids, keepSpecial: true));
            }

            if (!options.ParseSpecial)
            {
                Assert.Equal(TokenizerGolden.Ids(row)[1..^1], text.Encode(source));
            }

            checkedRows++;
        }

        Assert.InRange(checkedRows, 400, 10000);
    }

    [Theory]
    [GoldenInlineData("golden/tokenizers/nano-wordpiece", "nano-wordpiece")]
    [GoldenInlineData("golden/tokenizers/tiny-wordpiece", "tiny-wordpiece")]
    [GoldenInlineData("golden/tokenizers/bert-base-chinese", "bert-base-chinese")]
    public void Ids_that_no_encoder_would_write_decode_as_the_reference_does(string name)
    {
        var tokenizer = Load(name);
        var rows = TokenizerGolden.Rows(name, "decode.jsonl.gz").ToList();
        Assert.Equal(300, rows.Count);
        Assert.All(rows, row => Assert.Equal(row.GetProperty("decoded_clean").GetString(), tokenizer.Decode(TokenizerGolden.Ids(row), keepSpecial: true)));
    }

    [GoldenFact("golden/tokenizers/bert-base-chinese")]
    public void Every_character_has_the_role_that_the_reference_gives_it()
    {
        var classes = TokenizerGolden.Packed("bert-base-chinese", "char_classes.json.gz");
        var characters = BertCharacters.Of(new BertNormalization(Clean: true, SplitChinese: true, StripAccents: true, LowerCase: true));
        foreach (var (key, role) in new[]
        {
            ("removed", BertRole.Vanishes), ("space", BertRole.Splits), ("alone", BertRole.Alone), ("joins", BertRole.Joins),
        })
        {
            foreach (var rune in TokenizerGolden.CodePoints(classes.GetProperty(key)))
            {
                var parts = characters.Closely(rune);
                Assert.True(parts.Count == 0 ? role == BertRole.Vanishes : parts.All(part => part.Role == role), $"U+{rune:X4} is {key}");
            }
        }

        foreach (var turn in classes.GetProperty("turns").EnumerateObject())
        {
            var turned = string.Concat(characters.Closely(Convert.ToInt32(turn.Name, 16)).Select(part => part.Text));
            Assert.True(turn.Value.GetString() == turned, $"U+{turn.Name} turns into '{turn.Value}', not '{turned}'");
        }
    }

    private static WordPieceTokenizer Load(string name, params string[] without) => Assert.IsType<WordPieceTokenizer>(TokenizerGolden.Load(name, without));
}
