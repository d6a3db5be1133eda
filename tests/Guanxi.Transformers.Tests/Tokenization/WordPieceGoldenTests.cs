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

    [Theory]
    [GoldenInlineData("golden/tokenizers/nano-wordpiece/pairs.jsonl.gz", "nano-wordpiece")]
    [GoldenInlineData("golden/tokenizers/tiny-wordpiece/pairs.jsonl.gz", "tiny-wordpiece")]
    [GoldenInlineData("golden/tokenizers/bert-base-chinese/pairs.jsonl.gz", "bert-base-chinese")]
    public void Two_texts_are_framed_and_cut_as_the_reference_does(string name)
    {
        var tokenizer = Load(name);
        var rows = TokenizerGolden.Rows(name, "pairs.jsonl.gz").ToList();
        Assert.Equal(400, rows.Count);
        foreach (var row in rows)
        {
            var (first, second) = (row.GetProperty("a").GetString()!, row.GetProperty("b").GetString()!);
            var truncation = row.GetProperty("truncation").GetString() switch
            {
                null => PairTruncation.None,
                "longest_first" => PairTruncation.LongestFirst,
                "only_first" => PairTruncation.OnlyFirst,
                _ => PairTruncation.OnlySecond,
            };

            var pair = tokenizer.EncodePair(
                first, second, parseSpecial: true, truncation, row.GetProperty("max_length").ValueKind == JsonValueKind.Null ? 0 : row.GetProperty("max_length").GetInt32());

            // The reference fills rows up to the longest; there is no padding here.
            var length = row.GetProperty("attention_mask").EnumerateArray().Sum(bit => bit.GetInt32());
            Assert.Equal(TokenizerGolden.Ids(row)[..length], pair.Ids);
            Assert.Equal(row.GetProperty("token_type_ids").Deserialize<int[]>()![..length], pair.Types);
            var boundary = pair.Types.Count(type => type == 0);
            JsonElement[] places = [.. row.GetProperty("offsets").EnumerateArray()];
            Assert.Equal(TokenizerGolden.Offsets(places[..boundary], first), pair.Offsets[..boundary]);
            Assert.Equal(TokenizerGolden.Offsets(places[boundary..length], second), pair.Offsets[boundary..]);
        }
    }

    [GoldenFact("golden/tokenizers/nano-wordpiece")]
    public void A_text_that_cannot_be_cut_short_enough_is_refused()
    {
        var told = Assert.Throws<OptionsException>(() => Load("nano-wordpiece").EncodePair("一二三四", "五六七八", parseSpecial: false, PairTruncation.OnlySecond, 5));

        Assert.Contains("cannot be cut so short", told.Message, StringComparison.Ordinal);
    }

    [GoldenFact("golden/tokenizers/bert-base-chinese")]
    public void Every_character_has_the_role_that_the_reference_gives_it()
    {
        var classes = TokenizerGolden.Packed("bert-base-chinese", "char_classes.json.gz");
        var characters = BertCharacters.Of(BertNormalization.Uncased);
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
