using Guanxi.TestKit;
using Guanxi.Transformers.Tokenization;
using Xunit;

namespace Guanxi.Transformers.Tests.Tokenization;

public sealed class SentencePieceGoldenTests
{
    [GoldenTheory("golden/tokenizers")]
    [InlineData("nano-spm", 829)]
    [InlineData("tiny-spm", 8396)]
    [InlineData("baichuan-7b", 8396)]
    [InlineData("llama-spm", 8396)]
    public void Every_text_gets_the_ids_of_the_reference_and_comes_back_as_there(string name, int cases)
    {
        var tokenizer = TokenizerGolden.Load(name);
        var checkedRows = 0;
        foreach (var row in TokenizerGolden.Rows(name, "cases.jsonl.gz"))
        {
            var text = row.GetProperty("text").GetString()!;
            var special = row.GetProperty("special").GetBoolean();
            var encoded = tokenizer.Tokenize(text, new TokenizeOptions(ParseSpecial: special, AddSpecial: false));

            Assert.True(TokenizerGolden.Ids(row).AsSpan().SequenceEqual(encoded.Ids), $"ids of '{text}', special {special}");
            AssertOffsetsCover(text, encoded);
            if (!special)
            {
                Assert.Equal(encoded.Ids, tokenizer.Encode(text));
                Assert.Equal(row.GetProperty("decoded").GetString(), tokenizer.Decode(encoded.Ids));
            }

            checkedRows++;
        }

        Assert.Equal(cases, checkedRows);
    }

    [GoldenTheory("golden/tokenizers")]
    [InlineData("nano-spm")]
    [InlineData("tiny-spm")]
    [InlineData("baichuan-7b")]
    [InlineData("llama-spm")]
    public void Ids_that_no_encoder_would_write_decode_as_the_reference_does(string name)
    {
        var tokenizer = TokenizerGolden.Load(name);
        var rows = TokenizerGolden.Rows(name, "decode.jsonl.gz").ToList();
        Assert.Equal(300, rows.Count);
        Assert.All(rows, row => Assert.Equal(row.GetProperty("decoded").GetString(), tokenizer.Decode(TokenizerGolden.Ids(row))));
    }

    /// <summary>The ranges, in order, are the whole text; only the bytes of one character may share one.</summary>
    private static void AssertOffsetsCover(string text, TokenizedText encoded)
    {
        Assert.Equal(encoded.Ids.Length, encoded.Offsets.Length);
        var (lastStart, lastEnd) = (0, 0);
        foreach (var (start, end) in encoded.Offsets)
        {
            var follows = start == lastEnd || (start == lastStart && end == lastEnd);
            Assert.True(follows, $"range {start}..{end} after {lastStart}..{lastEnd} in '{text}'");
            (lastStart, lastEnd) = (start, end);
        }

        Assert.Equal(text.Length, lastEnd);
    }
}
