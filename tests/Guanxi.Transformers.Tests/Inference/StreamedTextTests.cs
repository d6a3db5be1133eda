using Guanxi.TestKit;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Tests.Tokenization;
using Guanxi.Transformers.Tokenization;
using Xunit;

namespace Guanxi.Transformers.Tests.Inference;

/// <summary>Text that is shown token by token is the text of all tokens.</summary>
public sealed class StreamedTextTests
{
    [Theory]
    [GoldenInlineData("golden/tokenizers/nano-spm", "nano-spm")]
    [GoldenInlineData("golden/tokenizers/nano-bbpe", "nano-bbpe")]
    [GoldenInlineData("golden/tokenizers/llama-spm", "llama-spm")]
    public void What_is_shown_piece_by_piece_is_the_whole_text(string name)
    {
        var tokenizer = TokenizerGolden.Load(name);
        foreach (var row in TokenizerGolden.Rows(name, "cases.jsonl.gz"))
        {
            var ids = TokenizerGolden.Ids(row);
            var stream = new StreamedText(tokenizer);

            var shown = string.Concat(ids.Select(stream.Add)) + stream.Finish();

            Assert.Equal(tokenizer.Decode(ids), shown);
        }
    }

    [GoldenFact("golden/tokenizers/nano-bbpe")]
    public void Half_a_character_is_held_back_and_an_id_beyond_the_vocabulary_is_no_text()
    {
        var tokenizer = TokenizerGolden.Load("nano-bbpe");
        var ids = tokenizer.Encode("龘");
        var stream = new StreamedText(tokenizer);

        Assert.True(ids.Length > 1);
        Assert.All(ids[..^1], id => Assert.Equal("", stream.Add(id)));
        Assert.Equal("", stream.Add(tokenizer.VocabularySize));
        Assert.Equal("龘", stream.Add(ids[^1]));
        Assert.Equal("", stream.Finish());
        Assert.Equal("", stream.Add(ids[0]));
        Assert.Equal("\uFFFD", stream.Finish());
    }
}
