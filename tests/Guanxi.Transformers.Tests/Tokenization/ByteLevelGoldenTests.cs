using System.Text;
using Guanxi.TestKit;
using Guanxi.Transformers.Tokenization;
using Guanxi.Transformers.Tokenization.ByteLevel;
using Guanxi.Transformers.Tokenization.Unicode;
using Xunit;

namespace Guanxi.Transformers.Tests.Tokenization;

public sealed class ByteLevelGoldenTests
{
    [Theory]
    [GoldenInlineData("golden/tokenizers/nano-bbpe", "nano-bbpe")]
    [GoldenInlineData("golden/tokenizers/tiny-bbpe", "tiny-bbpe")]
    [GoldenInlineData("golden/tokenizers/minimind", "minimind")]
    [GoldenInlineData("golden/tokenizers/qwen3", "qwen3")]
    public void Every_text_gets_the_ids_and_places_of_the_reference_and_decodes_as_there(string name)
    {
        var tokenizer = Load(name);
        var checkedRows = 0;
        foreach (var row in TokenizerGolden.Rows(name, "cases.jsonl.gz"))
        {
            var source = row.GetProperty("text").GetString()!;
            var options = new TokenizeOptions(row.GetProperty("special").GetBoolean(), AddSpecial: false);
            var encoded = tokenizer.Tokenize(source, options);
            Assert.True(TokenizerGolden.Ids(row).AsSpan().SequenceEqual(encoded.Ids), $"ids of '{source}', {options}");
            Assert.True(TokenizerGolden.Offsets(row, source).AsSpan().SequenceEqual(encoded.Offsets), $"places of '{source}', {options}");
            Assert.Equal(row.GetProperty("decoded").GetString(), tokenizer.Decode(encoded.Ids, keepSpecial: true));
            if (!options.ParseSpecial)
            {
                Assert.Equal(encoded.Ids, tokenizer.Encode(source));
            }

            checkedRows++;
        }

        Assert.InRange(checkedRows, 400, 10000);
    }

    [Theory]
    [GoldenInlineData("golden/tokenizers/nano-bbpe", "nano-bbpe")]
    [GoldenInlineData("golden/tokenizers/tiny-bbpe", "tiny-bbpe")]
    [GoldenInlineData("golden/tokenizers/minimind", "minimind")]
    [GoldenInlineData("golden/tokenizers/qwen3", "qwen3")]
    public void Ids_that_no_encoder_would_write_decode_as_the_reference_does(string name)
    {
        var tokenizer = Load(name);
        var rows = TokenizerGolden.Rows(name, "decode.jsonl.gz").ToList();
        Assert.Equal(300, rows.Count);
        foreach (var row in rows)
        {
            Assert.Equal(row.GetProperty("decoded").GetString(), tokenizer.Decode(TokenizerGolden.Ids(row), keepSpecial: true));
            Assert.Equal(row.GetProperty("decoded_skip_special").GetString(), tokenizer.Decode(TokenizerGolden.Ids(row)));
        }
    }

    [GoldenFact("golden/smollm2")]
    public void A_real_small_model_reads_its_prompts_as_the_reference_does()
    {
        var tokenizer = TokenizerLoader.Load(Golden.Locate("smollm2"));
        var expected = Golden.Json("smollm2/expected.json");
        foreach (var row in expected.GetProperty("prompts").EnumerateArray().Concat(expected.GetProperty("paragraphs").EnumerateArray()))
        {
            var text = row.GetProperty("text").GetString()!;
            Assert.Equal(TokenizerGolden.Ids(row), tokenizer.Tokenize(text, new TokenizeOptions(ParseSpecial: true, AddSpecial: false)).Ids);
        }
    }

    [GoldenFact("golden/tokenizers/qwen3")]
    public void Letters_numbers_and_spaces_are_those_of_the_reference()
    {
        var classes = TokenizerGolden.Packed("qwen3", "regex_classes.json.gz");
        var kinds = new[] { (@"\p{L}", CharacterKind.Letter), (@"\p{N}", CharacterKind.Number), (@"\s", CharacterKind.Space) }
            .Select(pair => (Runes: TokenizerGolden.CodePoints(classes.GetProperty(pair.Item1)), Kind: pair.Item2)).ToArray();
        for (var rune = 0; rune < 0x110000; rune += rune == 0xD7FF ? 0x801 : 1)
        {
            var kind = CharacterKinds.At(new Rune(rune).ToString(), 0, out _);
            foreach (var (runes, expected) in kinds)
            {
                Assert.True(runes.Contains(rune) == ((kind & expected) != 0), $"U+{rune:X4} and {expected}");
            }
        }
    }

    [Theory]
    [GoldenInlineData("golden/tokenizers/nano-bbpe", "nano-bbpe")]
    [GoldenInlineData("golden/tokenizers/qwen3", "qwen3")]
    public void Hand_written_splitters_cut_as_their_patterns_do(string name)
    {
        (WordSplitter Hand, string Pattern)[] pairs =
        [
            (new Gpt2Splitter(), Gpt2Splitter.Pattern),
            .. new[] { @"\p{N}", @"\p{N}{1,2}", @"\p{N}{1,3}", @"\p{N}+" }.Select(digits => ((WordSplitter)Tiktoken(digits), TiktokenPattern(digits))),
        ];
        foreach (var (hand, pattern) in pairs)
        {
            var regex = RegexSplitter.Make(pattern, "test", [])!;
            foreach (var row in TokenizerGolden.Rows(name, "cases.jsonl.gz").Where((_, i) => i % 3 == 0))
            {
                var text = row.GetProperty("text").GetString()!;
                Assert.True(
                    WordSplitter.SplitAll([hand], text).SequenceEqual(WordSplitter.SplitAll([regex], text)), $"'{text}' by {pattern}");
            }
        }
    }

    private static string TiktokenPattern(string digits) =>
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|" + digits + @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private static TiktokenSplitter Tiktoken(string digits) => TiktokenSplitter.Of(TiktokenPattern(digits))!;

    private static ByteLevelTokenizer Load(string name) => Assert.IsType<ByteLevelTokenizer>(TokenizerGolden.Load(name));
}
