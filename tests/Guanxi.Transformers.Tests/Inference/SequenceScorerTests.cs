using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Xunit;

namespace Guanxi.Transformers.Tests.Inference;

/// <summary>Token log-probabilities against the reference and against the model's plain logits.</summary>
public sealed class SequenceScorerTests
{
    // One log-probability of size 6 of an fp32 model, whose own spacing is 5e-7.
    private const double Tolerance = 1e-4;

    [GoldenTheory("golden/sampling/label_scoring")]
    [InlineData(2048)]
    [InlineData(50)]
    public void Token_log_probabilities_equal_the_reference(int batchTokens)
    {
        using var leaks = new LeakCheck();
        var golden = Golden.Json("sampling/label_scoring/case.json");
        var prompts = golden.GetProperty("prompts").Deserialize<int[][]>()!;
        var labels = golden.GetProperty("labels").Deserialize<int[][]>()!;
        var expected = golden.GetProperty("log_probabilities").Deserialize<double[][][]>()!;
        using var model = TinyModel.Load(TinyModel.Sampling);
        var scorer = new SequenceScorer(model, ForwardContext.Evaluate32) { BatchTokens = batchTokens };

        var scores = scorer.Score([.. prompts.SelectMany(prompt => labels.Select(label => new ScoringRow(prompt, [.. label, 2])))]);

        foreach (var (index, tokens) in expected.SelectMany(row => row).Index())
        {
            Close.Assert(LabelScorerTests.Floats(tokens), LabelScorerTests.Floats(scores[index].TokenLogProbabilities), Tolerance,
                $"row {index}");
            Assert.Equal(tokens.Sum(), scores[index].LogProbability, 5e-4);
        }
    }

    [GoldenFact("golden/models/llama")]
    public void A_greedy_continuation_is_greedy_and_stops_being_so_with_any_other_token()
    {
        using var leaks = new LeakCheck();
        var golden = Golden.Json("models/llama/case.json").GetProperty("greedy")[0];
        var prompt = golden.GetProperty("prompt").Deserialize<int[]>()!;
        var greedy = golden.GetProperty("ids").Deserialize<int[]>()!;
        int[] other = [.. greedy[..^1], greedy[^1] ^ 1];
        using var model = TinyModel.Load(TinyModel.Llama);

        var scores = new SequenceScorer(model, ForwardContext.Evaluate32).Score([new(prompt, other), new(prompt, greedy), new(prompt, [])]);

        Assert.Equal([false, true, true], scores.Select(score => score.IsGreedy));
        Assert.Equal(0, scores[2].LogProbability);
    }

    [GoldenFact("golden/models/llama")]
    public void All_rows_that_cannot_be_scored_are_named()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Load(TinyModel.Llama);
        var positions = model.Config.MaxPositions;
        int[] longest = [.. Enumerable.Repeat(5, positions)];
        var scorer = new SequenceScorer(model, ForwardContext.Evaluate32);

        var refused = Assert.Throws<OptionsException>(
            () => scorer.Score([new([], [5]), new([1], [1000]), new(longest, [5]), new(longest, [5, 5]), new([-1], [5])]));

        Assert.Equal(["row 1", "row 2", "row 4", "row 5"], refused.Problems.Select(problem => problem.Where));
    }
}
