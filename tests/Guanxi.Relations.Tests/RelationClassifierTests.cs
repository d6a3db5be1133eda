using Guanxi.Relations.Prompts;
using Guanxi.TestKit;
using Guanxi.Transformers;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Tokenization;
using Xunit;

namespace Guanxi.Relations.Tests;

/// <summary>The classifier against every label scored alone without cache, and what must not change its answers.</summary>
public sealed class RelationClassifierTests
{
    // Shares made of sums of several fp32 log-probabilities; below 1e-6 was measured.
    private const double Tolerance = 1e-5;

    [GoldenTheory("golden/models/llama")]
    [InlineData(PromptTemplate.Article, true)]
    [InlineData(PromptTemplate.Masked, false)]
    [InlineData("{text}", false)]
    public void Probabilities_equal_every_label_scored_alone(string template, bool hasLongPrefix)
    {
        using var leaks = new LeakCheck();
        using var model = TinyLanguageModel.Model();
        var tokenizer = TinyLanguageModel.Tokenizer();
        using var classifier = Classifier(model, tokenizer, template);

        var rows = classifier.Classify(TinyLanguageModel.Rows);

        Assert.Equal(hasLongPrefix, classifier.PrefixLength > 20);
        var prompts = Template(template);
        foreach (var row in new[] { 0, 3 })
        {
            var expected = BruteForce(model, tokenizer, prompts.Render(TinyLanguageModel.Rows[row]));
            var prediction = rows[row].Prediction!;
            Close.Assert(Floats(expected), Floats(prediction.Probabilities), Tolerance, $"row {row}");
            Assert.Equal(prediction.Probabilities.Max(), prediction.Confidence);
            Assert.Equal(TinyLanguageModel.Labels[Array.IndexOf(expected, expected.Max())], prediction.Label);
        }
    }

    [GoldenFact("golden/models/llama")]
    public void A_row_gets_the_same_probabilities_in_any_company()
    {
        using var leaks = new LeakCheck();
        using var model = TinyLanguageModel.Model();
        using var classifier = Classifier(model, TinyLanguageModel.Tokenizer(), PromptTemplate.Article);
        var alone = TinyLanguageModel.Rows.Select(row => classifier.Classify([row])[0].Prediction!).ToArray();
        var random = new Random(5);

        for (var mix = 0; mix < 5; mix++)
        {
            var places = Enumerable.Range(0, 1 + (4 * mix)).Select(_ => random.Next(alone.Length)).ToArray();
            var together = classifier.Classify([.. places.Select(place => TinyLanguageModel.Rows[place])]);

            foreach (var (at, place) in places.Index())
            {
                Assert.Equal(alone[place].Label, together[at].Prediction!.Label);
                Close.Assert(Floats(alone[place].Probabilities), Floats(together[at].Prediction!.Probabilities), Tolerance,
                    $"mix {mix}, row {at}");
            }
        }
    }

    [GoldenFact("golden/models/llama")]
    public void Only_the_row_that_is_too_long_fails_and_it_says_where_it_stands()
    {
        using var leaks = new LeakCheck();
        using var model = TinyLanguageModel.Model();
        using var classifier = Classifier(model, TinyLanguageModel.Tokenizer(), PromptTemplate.Article);
        var tooLong = TestRows.Named(string.Concat(Enumerable.Repeat("甲和乙在书中相遇。", 200)), "甲", "乙");

        var rows = classifier.Classify([TinyLanguageModel.Rows[0], tooLong, TinyLanguageModel.Rows[1]]);

        Assert.Equal([true, false, true], rows.Select(row => row.IsClassified));
        Assert.Equal($"{tooLong.Place}", rows[1].Problem!.Where);
        Assert.Equal($"at most {classifier.MaxPromptLength} tokens", rows[1].Problem!.Expected);
        Assert.Equal(classifier.Classify([TinyLanguageModel.Rows[1]])[0].Prediction!.Label, rows[2].Prediction!.Label);
        Assert.Empty(classifier.Classify([]));
    }

    [GoldenFact("golden/models/llama")]
    public void Aliases_take_no_share_of_the_probability()
    {
        using var leaks = new LeakCheck();
        using var model = TinyLanguageModel.Model();
        var tokenizer = TinyLanguageModel.Tokenizer();
        var aliased = RelationSchema.FromLabels([["不知道", "夫妻", "师生"], ["合作"]], "test");
        var plain = RelationSchema.FromLabels([["不知道"], ["合作"]], "test");
        using var first = new RelationClassifier(model, tokenizer, Template("{text}"), aliased, ForwardContext.Evaluate32);
        using var second = new RelationClassifier(model, tokenizer, Template("{text}"), plain, ForwardContext.Evaluate32);

        var (left, right) = (first.Classify(TinyLanguageModel.Rows), second.Classify(TinyLanguageModel.Rows));

        foreach (var (row, outcome) in left.Index())
        {
            Close.Assert(Floats(right[row].Prediction!.Probabilities), Floats(outcome.Prediction!.Probabilities), Tolerance, $"row {row}");
        }
    }

    [GoldenFact("golden/models/llama")]
    public void Threads_may_share_it_and_the_model_outlives_it()
    {
        using var leaks = new LeakCheck();
        using var model = TinyLanguageModel.Model();
        var tokenizer = TinyLanguageModel.Tokenizer();
        var classifier = Classifier(model, tokenizer, PromptTemplate.Article);
        var expected = classifier.Classify([TinyLanguageModel.Rows[0]])[0].Prediction!.Probabilities;

        var found = new IReadOnlyList<double>[6];
        Parallel.For(0, found.Length, i => found[i] = classifier.Classify([TinyLanguageModel.Rows[0]])[0].Prediction!.Probabilities);
        classifier.Dispose();
        classifier.Dispose();

        Assert.All(found, probabilities => Close.Assert(Floats(expected), Floats(probabilities), Tolerance, "a thread's"));
        Assert.Throws<ObjectDisposedException>(() => classifier.Classify([TinyLanguageModel.Rows[0]]));
        using var next = Classifier(model, tokenizer, PromptTemplate.Article);
        Close.Assert(Floats(expected), Floats(next.Classify([TinyLanguageModel.Rows[0]])[0].Prediction!.Probabilities), Tolerance,
            "the next one's");
    }

    [GoldenFact("golden/models/llama")]
    public void A_tokenizer_of_another_model_and_labels_it_cannot_tell_apart_are_reported_together()
    {
        using var leaks = new LeakCheck();
        using var model = TinyLanguageModel.Model();

        // With 1001 ids, the code points of "a" and of the character 998 further have the same id.
        var tokenizer = new StubTokenizer(1001, bos: 1, eos: 2);
        var schema = RelationSchema.FromLabels([["a"], ["b"], [((char)('a' + 998)).ToString()]], "test");

        var refused = Assert.Throws<OptionsException>(() => new RelationClassifier(model, tokenizer, Template("{text}"), schema,
            ForwardContext.Evaluate32));

        Assert.Equal(["tokenizer", "labels"], refused.Problems.Select(problem => problem.Where));
    }

    private static RelationClassifier Classifier(Decoder model, ITokenizer tokenizer, string template) =>
        new(model, tokenizer, Template(template), TinyLanguageModel.Schema, ForwardContext.Evaluate32);

    private static PromptTemplate Template(string text) => PromptTemplate.Parse(text, TinyLanguageModel.Labels, "test");

    private static double[] BruteForce(Decoder model, ITokenizer tokenizer, string prompt)
    {
        int[] context = [tokenizer.BosId!.Value, .. tokenizer.Encode(prompt), tokenizer.EosId!.Value];
        var scorer = new SequenceScorer(model, ForwardContext.Evaluate32);
        var scores = scorer.Score([.. TinyLanguageModel.Labels.Select(label =>
            new ScoringRow(context, [.. tokenizer.Encode(label), tokenizer.EosId!.Value]))]);
        var total = scores.Sum(score => Math.Exp(score.LogProbability));
        return [.. scores.Select(score => Math.Exp(score.LogProbability) / total)];
    }

    private static float[] Floats(IEnumerable<double> values) => [.. values.Select(value => (float)value)];
}
