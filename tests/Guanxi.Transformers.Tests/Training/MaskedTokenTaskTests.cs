using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Tests.Models;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>Which tokens BERT's pretraining hides, and how.</summary>
public sealed class MaskedTokenTaskTests
{
    private const int Vocabulary = 1000;
    private const double GuessedShare = 0.15;

    private static readonly MaskingTokens s_special = new(Start: 2, End: 3, Mask: 4);

    [Fact]
    public void Fifteen_percent_are_guessed_most_of_them_hidden_and_control_tokens_never()
    {
        using var leaks = new LeakCheck();
        using var encoder = Encoder();
        var rows = Enumerable.Range(0, 200).Select(row => (int[])[2, .. Enumerable.Range(0, 100).Select(i => 10 + (((row * 100) + i) % 900)), 3]).ToArray();
        var task = new MaskedTokenTask(encoder, rows, s_special, GuessedShare, labelSmoothing: 0);

        var batch = (MaskedTokenBatch)task.Batch([.. Enumerable.Range(0, rows.Length)], new DropoutKey(42, 7, 0));

        var plain = rows.SelectMany(row => row).ToArray();
        var places = batch.Batch.OutputRows!;
        Assert.Equal(batch.Targets, places.Select(place => (long)plain[place]));
        Assert.DoesNotContain(batch.Targets, target => target is 2 or 3);
        Assert.Equal(plain.Length, batch.TokenCount);
        Assert.Equal(Enumerable.Range(0, plain.Length).Except(places).Select(i => (long)plain[i]), Enumerable.Range(0, plain.Length).Except(places).Select(i => batch.Batch.Tokens[i]));

        // Four standard errors of 20,000 tokens, and of the 3,000 that are guessed.
        var hidden = places.Count(place => batch.Batch.Tokens[place] == s_special.Mask);
        var kept = places.Count(place => batch.Batch.Tokens[place] == plain[place]);
        Assert.Equal(GuessedShare, places.Length / 20_000.0, 0.0101);
        Assert.Equal(0.8, (double)hidden / places.Length, 0.03);
        Assert.Equal(0.1, (double)kept / places.Length, 0.022);
    }

    [Fact]
    public void Neighbours_are_guessed_together_in_spans_of_one_to_four_and_no_more_tokens_than_else()
    {
        using var leaks = new LeakCheck();
        using var encoder = Encoder();
        const int length = 100;
        var rows = Enumerable.Range(0, 200).Select(row => (int[])[2, .. Enumerable.Range(0, length).Select(i => 10 + (((row * 100) + i) % 900)), 3]).ToArray();
        var task = new MaskedTokenTask(encoder, rows, s_special, GuessedShare, labelSmoothing: 0) { LongestSpan = 4 };

        var batch = (MaskedTokenBatch)task.Batch([.. Enumerable.Range(0, rows.Length)], new DropoutKey(42, 7, 0));

        var guessed = batch.Batch.OutputRows!.ToHashSet();
        var runs = new Dictionary<int, int>();
        foreach (var start in guessed.Where(place => !guessed.Contains(place - 1)))
        {
            var run = Enumerable.Range(start, length).TakeWhile(guessed.Contains).Count();
            runs[run] = runs.GetValueOrDefault(run) + 1;
        }

        // Spans that touch look like longer ones: 8 % of a span's ends, so the shares of the lengths are near 0.4, 0.3, 0.2 and 0.1 and their mean above 2.
        double all = runs.Values.Sum();
        Assert.Equal(GuessedShare, guessed.Count / 20_000.0, 0.02);
        Assert.InRange(guessed.Count / all, 1.9, 2.4);
        Assert.InRange(runs[1] / all, 0.32, 0.43);
        Assert.InRange(runs[4] / all, 0.08, 0.18);
        Assert.True(runs[1] > runs[2] && runs[2] > runs[3] && runs[3] > runs[4]);
        Assert.Equal(0.8, guessed.Count(place => batch.Batch.Tokens[place] == s_special.Mask) / (double)guessed.Count, 0.045);
        Assert.DoesNotContain(batch.Targets, target => target is 2 or 3);
    }

    [Fact]
    public void The_same_step_hides_the_same_and_another_one_others()
    {
        using var leaks = new LeakCheck();
        using var encoder = Encoder();
        var task = new MaskedTokenTask(encoder, [[2, .. Enumerable.Range(10, 40), 3], [2, .. Enumerable.Range(90, 30), 3]], s_special, GuessedShare, labelSmoothing: 0);
        long[] Tokens(DropoutKey key) => ((MaskedTokenBatch)task.Batch([0, 1], key)).Batch.Tokens;

        Assert.Equal(Tokens(new DropoutKey(1, 2, 3)), Tokens(new DropoutKey(1, 2, 3)));
        Assert.All(
            [new DropoutKey(2, 2, 3), new DropoutKey(1, 3, 3), new DropoutKey(1, 2, 4)],
            other => Assert.NotEqual(Tokens(new DropoutKey(1, 2, 3)), Tokens(other)));
        Assert.Equal((2, 42), (task.RowCount, task.LengthOf(0)));
    }

    [Fact]
    public void The_loss_is_that_of_the_hidden_tokens_alone()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var encoder = Encoder();
        var batch = (MaskedTokenBatch)new MaskedTokenTask(encoder, [[2, .. Enumerable.Range(10, 40), 3]], s_special, GuessedShare, labelSmoothing: 0).Batch([0], new DropoutKey(5, 0, 0));

        var loss = batch.LossSum(ForwardContext.Evaluate32).Item();

        var all = encoder.HiddenStates(batch.Batch with { OutputRows = null }, ForwardContext.Evaluate32, null);
        var logits = encoder.TokenLogits(all, ForwardContext.Evaluate32).ToArray<float>().Chunk(Vocabulary).ToArray();
        var expected = batch.Batch.OutputRows!.Zip(batch.Targets, (place, target) =>
            Math.Log(logits[place].Sum(value => Math.Exp(value))) - logits[place][target]).Sum();
        Assert.Equal(expected, loss, 1e-3);
        Assert.True(batch.TargetCount > 0);
    }

    private static Encoder Encoder() => TinyEncoder.Make(TinyEncoder.Config with
    {
        VocabularySize = Vocabulary, MaxPositions = 128, LayerCount = 1, HiddenDropout = 0, AttentionDropout = 0, Head = EncoderHead.MaskedLanguage,
    });
}
