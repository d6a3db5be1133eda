using Guanxi.Relations.Prompts;
using Guanxi.TestKit;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Xunit;

namespace Guanxi.Relations.Tests;

public sealed class AnswerGeneratorTests
{
    [GoldenFact("golden/models/llama")]
    public void An_answer_is_the_decoded_continuation_and_counts_when_it_spells_a_label_or_an_alias()
    {
        using var leaks = new LeakCheck();
        using var model = TinyLanguageModel.Model();
        var tokenizer = TinyLanguageModel.Tokenizer();
        var row = TinyLanguageModel.Rows[1];
        int[] prompt = [1, .. tokenizer.Encode(row.Text), 2];
        var generator = new Generator(model, ForwardContext.Evaluate32);
        var ids = generator.Generate(prompt, AnswerGenerator.Greedy, null, CancellationToken.None).Ids;
        var expected = tokenizer.Decode([.. ids]).Trim();

        var unknown = Answer(model, row, [["夫妻"], ["好友"]], AnswerGenerator.Greedy);
        var label = Answer(model, row, [["夫妻"], [expected]], AnswerGenerator.Greedy);
        var alias = Answer(model, row, [["夫妻", expected], ["好友"]], AnswerGenerator.Greedy);

        Assert.NotEmpty(expected);
        Assert.Equal(new GeneratedAnswer(expected, null, null), unknown);
        Assert.Equal(expected, label.Label);
        Assert.Equal("夫妻", alias.Label);
    }

    [GoldenFact("golden/models/llama")]
    public void The_published_decoding_repeats_its_answers()
    {
        using var leaks = new LeakCheck();
        using var model = TinyLanguageModel.Model();

        var answers = Enumerable.Range(0, 3).Select(_ =>
            Answer(model, TinyLanguageModel.Rows[0], [["夫妻"], ["好友"]], AnswerGenerator.Published).Text);

        Assert.Single(answers.Distinct());
    }

    [GoldenFact("golden/models/llama")]
    public void A_prompt_that_is_too_long_is_a_problem_of_its_row()
    {
        using var leaks = new LeakCheck();
        using var model = TinyLanguageModel.Model();
        var row = TestRows.Named(string.Concat(Enumerable.Repeat("甲和乙在书中相遇。", 200)), "甲", "乙");

        var answer = Answer(model, row, [["夫妻"], ["好友"]], AnswerGenerator.Greedy);

        Assert.Null(answer.Label);
        Assert.Equal($"{row.Place}", answer.Problem!.Where);
    }

    private static GeneratedAnswer Answer(Decoder model, RelationExample row, string[][] labels, GenerationOptions options)
    {
        var schema = RelationSchema.FromLabels(labels, "test");
        var template = PromptTemplate.Parse("{text}", schema.Labels, "test");
        var answers = new AnswerGenerator(model, TinyLanguageModel.Tokenizer(), template, schema, ForwardContext.Evaluate32, options);
        return answers.Answer(row, CancellationToken.None);
    }
}
