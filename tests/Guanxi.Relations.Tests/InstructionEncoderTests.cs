using Guanxi.TestKit;
using Guanxi.Transformers;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Relations.Tests;

public sealed class InstructionEncoderTests
{
    private const int NoLimit = 1000;

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void A_row_is_its_parts_joined_as_ids_and_only_the_answer_is_learnt()
    {
        var tokenizer = TinyLanguageModel.Tokenizer();
        var (question, answer) = (tokenizer.Encode("他们是什么关系？"), tokenizer.Encode("夫妻"));

        var row = new InstructionEncoder(tokenizer).EncodeRow("他们是什么关系？", "夫妻", NoLimit);

        Assert.Equal([1, .. question, 2, .. answer, 2], row.Tokens);
        Assert.Equal([.. Enumerable.Repeat(-100, question.Length + 2), .. answer, 2], row.Labels);
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void A_prompt_with_an_answer_behind_it_is_the_training_row()
    {
        var encoder = new InstructionEncoder(TinyLanguageModel.Tokenizer());

        int[] joined = [.. encoder.EncodePrompt("甲和乙"), .. encoder.EncodeAnswer("好友")];

        Assert.Equal(encoder.EncodeRow("甲和乙", "好友", NoLimit).Tokens, joined);
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void A_text_that_spells_special_tokens_gets_none()
    {
        var encoder = new InstructionEncoder(TinyLanguageModel.Tokenizer());

        var row = encoder.EncodeRow("</s>夫妻</s><s>", "</s>", NoLimit);

        Assert.Equal(2, row.Tokens.Count(id => id == 2));
        Assert.Equal(1, row.Tokens.Count(id => id == 1));
    }

    [Theory]
    [InlineData(7, 2)]
    [InlineData(6, 1)]
    [InlineData(5, 0)]
    [InlineData(1, 0)]
    public void What_is_longer_than_the_limit_is_cut_off_at_its_end(int limit, int learnt)
    {
        var encoder = new InstructionEncoder(new StubTokenizer(100, bos: 1, eos: 2));
        var whole = encoder.EncodeRow("abc", "d", NoLimit);

        var row = encoder.EncodeRow("abc", "d", limit);

        Assert.Equal(7, whole.Tokens.Length);
        Assert.Equal(whole.Tokens[..limit], row.Tokens);
        Assert.Equal(whole.Labels[..limit], row.Labels);
        Assert.Equal(learnt, row.SupervisedCount);
    }

    [Fact]
    public void A_conversation_has_every_answer_learnt_and_its_system_message_in_front()
    {
        var tokenizer = new StubTokenizer(100, bos: 1, eos: 2);
        var example = new InstructionExample("c", "d", "ss", [new InstructionTurn("a", "b")], default);

        var row = new InstructionEncoder(tokenizer).EncodeRow(example, NoLimit);

        int[] one(string text) => tokenizer.Encode(text);
        Assert.Equal([1, .. one("ss"), .. one("a"), 2, .. one("b"), 2, .. one("c"), 2, .. one("d"), 2], row.Tokens);
        const int No = TokenSequence.Ignored;
        Assert.Equal([No, No, No, No, No, .. one("b"), 2, No, No, .. one("d"), 2], row.Labels);
    }

    [Fact]
    public void A_vocabulary_without_start_token_starts_with_the_text_and_one_without_stop_token_is_refused()
    {
        var tokenizer = new StubTokenizer(100, bos: null, eos: 2);

        Assert.Equal([.. tokenizer.Encode("ab"), 2], new InstructionEncoder(tokenizer).EncodePrompt("ab"));
        Assert.Throws<OptionsException>(() => new InstructionEncoder(new StubTokenizer(100, bos: 1, eos: null)));
    }
}
