using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Xunit;

namespace Guanxi.Transformers.Tests.Inference;

/// <summary>All continuations in one pass against plain full forward passes: the reference's, and our own one row at a time.</summary>
public sealed class LabelScorerTests
{
    // The golden case's own: sums of up to four log-probabilities of an fp32 model.
    private const double GoldenTolerance = 5e-4;

    // Two ways to the same fp32 sums of size 40, whose own spacing is 4e-6; 8e-6 was measured.
    private const double Tolerance = 1e-4;

    [GoldenTheory("golden/sampling/label_scoring")]
    [InlineData(0, 2048)]
    [InlineData(1, 2048)]
    [InlineData(5, 60)]
    [InlineData(6, 1)]
    public void Scores_and_shares_equal_the_reference_with_any_prefix_and_batch(int prefixLength, int batchTokens)
    {
        using var leaks = new LeakCheck();
        using var golden = new GoldenFile("sampling/label_scoring/tensors.safetensors");
        var (prompts, continuations) = GoldenRows();
        using var model = TinyModel.Load(TinyModel.Sampling);
        using var scorer = new LabelScorer(model, ForwardContext.Evaluate32, prompts[1][..prefixLength], continuations)
        {
            BatchTokens = batchTokens,
        };

        var scores = scorer.Score(prompts);

        using var scope = TensorScope.Enter();
        AssertRows(golden["scores"].ToArray<float>(), scores, score => score.LogProbabilities, "scores");
        AssertRows(golden["softmax"].ToArray<float>(), scores, score => score.Probabilities, "softmax");
        Assert.Equal(golden["best"].ToArray<long>(),
            scores.Select(score => (long)Array.IndexOf(score.Probabilities, score.Probabilities.Max())));
    }

    [Theory]
    [GoldenInlineData("golden/models/llama", "llama")]
    [GoldenInlineData("golden/models/mistral", "mistral")]
    [GoldenInlineData("golden/models/qwen3", "qwen3")]
    [GoldenInlineData("golden/models/baichuan-13b-odd-heads", "baichuan-13b-odd-heads")]
    [GoldenInlineData("golden/models/baichuan2-13b", "baichuan2-13b")]
    public void One_pass_equals_every_continuation_scored_alone(string family)
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Load($"models/{family}/hf");
        var prefix = TinyModel.Rows(1, 1000, 7)[0];
        int[][] prompts = [.. TinyModel.Rows(9, 1000, 1).Select((row, i) => i % 3 == 2 ? row : [.. prefix, .. row])];
        int[][] continuations = [[7, 2], [7, 8, 2], [7, 8, 9, 9, 2], [300, 2], [8, 7, 2], [999, 998, 2], [2]];
        using var scorer = new LabelScorer(model, ForwardContext.Evaluate32, prefix, continuations);

        var together = scorer.Score(prompts);

        var alone = new SequenceScorer(model, ForwardContext.Evaluate32) { BatchTokens = 1 };
        for (var row = 0; row < prompts.Length; row++)
        {
            var expected = alone.Score([.. continuations.Select(continuation => new ScoringRow(prompts[row], continuation))]);
            Close.Assert([.. expected.Select(score => (float)score.LogProbability)], Floats(together[row].LogProbabilities),
                Tolerance, $"row {row}");
        }
    }

    [Theory]
    [GoldenInlineData("golden/models/llama", "llama")]
    [GoldenInlineData("golden/models/mistral", "mistral")]
    [GoldenInlineData("golden/models/baichuan-13b-odd-heads", "baichuan-13b-odd-heads")]
    public void The_best_alone_is_the_best_of_all_and_leaves_the_prefix_as_it_was(string family)
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Load($"models/{family}/hf");
        var prefix = TinyModel.Rows(1, 1000, 7)[0];
        int[][] prompts = [.. TinyModel.Rows(12, 1000, 1).Select((row, i) => i % 3 == 2 ? row : [.. prefix, .. row])];

        // Of the first set one is clearly best after its first token; in the others paths must be followed.
        foreach (var continuations in (int[][][])[[[7], [8], [9]], [[7, 2], [7, 8, 2], [7, 8, 9, 9, 2], [300, 2], [8, 7, 2], [999, 998, 2], [2, 2]], [[5, 2, 2, 2, 2, 2], [6, 7]]])
        {
            using var scorer = new LabelScorer(model, ForwardContext.Evaluate32, prefix, continuations);
            var before = scorer.Score(prompts);

            var best = prompts.Select(scorer.Best).ToArray();

            Assert.Equal(before.Select(score => Array.IndexOf(score.LogProbabilities, score.LogProbabilities.Max())), best);
            foreach (var (row, score) in scorer.Score(prompts).Index())
            {
                Assert.Equal(before[row].LogProbabilities, score.LogProbabilities);
            }
        }
    }

    [GoldenFact("golden/models/llama")]
    public void A_row_has_the_same_scores_in_every_batch()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Load(TinyModel.Llama);
        var prompts = TinyModel.Rows(12, 1000, 3);
        int[][] continuations = [[7, 2], [7, 8, 2], [300, 2]];
        using var scorer = new LabelScorer(model, ForwardContext.Evaluate32, [], continuations);
        using var small = new LabelScorer(model, ForwardContext.Evaluate32, [], continuations) { BatchTokens = 40 };

        var all = scorer.Score(prompts);
        var reversed = small.Score([.. prompts.Reverse()]);

        for (var row = 0; row < prompts.Length; row++)
        {
            Close.Assert(Floats(all[row].LogProbabilities), Floats(reversed[^(row + 1)].LogProbabilities), Tolerance, $"row {row}");
            Close.Assert(Floats(all[row].LogProbabilities), Floats(scorer.Score([prompts[row]])[0].LogProbabilities), Tolerance,
                $"row {row} alone");
        }
    }

    [GoldenFact("golden/models/llama")]
    public void A_prompt_that_is_all_prefix_and_one_of_full_length_are_scored_and_a_longer_one_is_refused()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Load(TinyModel.Sampling);
        using var scorer = new LabelScorer(model, ForwardContext.Evaluate32, [1, 5, 9], [[4, 6, 2], [5, 2]]);
        int[] full = [1, 5, 9, .. Enumerable.Repeat(20, scorer.MaxPromptLength - 3)];

        using var plain = new LabelScorer(model, ForwardContext.Evaluate32, [], [[4, 6, 2], [5, 2]]);

        var scores = scorer.Score([[1, 5, 9], full]);
        var expected = plain.Score([[1, 5, 9], full]);

        Assert.Equal(model.Config.MaxPositions - 2, scorer.MaxPromptLength);
        for (var row = 0; row < scores.Count; row++)
        {
            Close.Assert(Floats(expected[row].LogProbabilities), Floats(scores[row].LogProbabilities), Tolerance, $"row {row}");
        }
        var refused = Assert.Throws<ArgumentException>(() => scorer.Score([[1, 5], [.. full, 20]]));
        Assert.Contains("prompt 1", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_tree_has_what_continuations_share_once_and_no_last_tokens()
    {
        var trie = ContinuationTrie.Of([[5, 2], [5, 6, 2], [7, 2], [2], [5, 6, 3]]);

        Assert.Equal([5, 6, 7], trie.Tokens);
        Assert.Equal([-1, 0, -1], trie.Parents);
        Assert.Equal([new(0, 5), new(0, 7), new(0, 2), new(1, 2), new(1, 6), new(2, 2), new(2, 3), new(3, 2)], trie.Edges);
        Assert.Equal([[0, 3], [0, 4, 5], [1, 7], [2], [0, 4, 6]], trie.Paths);
        Assert.Equal(2, trie.Depth);
    }

    [Fact]
    public void Continuations_that_are_no_set_are_refused()
    {
        Assert.Throws<ArgumentException>(() => ContinuationTrie.Of([]));
        Assert.Throws<ArgumentException>(() => ContinuationTrie.Of([[1], []]));
        Assert.Throws<ArgumentException>(() => ContinuationTrie.Of([[1, 2], [3], [1, 2]]));
    }

    internal static float[] Floats(IEnumerable<double> values) => [.. values.Select(value => (float)value)];

    private static (int[][] Prompts, int[][] Continuations) GoldenRows()
    {
        var golden = Golden.Json("sampling/label_scoring/case.json");
        var eos = golden.GetProperty("eos").GetInt32();
        return (
            golden.GetProperty("prompts").Deserialize<int[][]>()!,
            [.. golden.GetProperty("labels").Deserialize<int[][]>()!.Select(label => (int[])[.. label, eos])]);
    }

    private static void AssertRows(
        float[] expected, IReadOnlyList<ContinuationScores> scores, Func<ContinuationScores, double[]> values, string what) =>
        Close.Assert(expected, Floats(scores.SelectMany(values)), GoldenTolerance, what);
}
