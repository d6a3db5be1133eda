using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>What changes a loss or a step beside the plain rule: smoothing, noise, grouping, rates of their own.</summary>
public sealed class LossOptionTests
{
    private const string Case = "training/lora_linear/case.json";

    [GoldenFact("golden/training")]
    public void Smoothing_spreads_a_share_of_each_target_over_the_vocabulary_and_ignores_masked_places()
    {
        const double Share = 0.1;
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var model = LanguageModel.Load(Golden.Locate("training/base"), new LanguageModelOptions());
        TokenSequence[] rows = [new([1, 9, 17, 40, 5], [-100, -100, 17, -100, 5]), new([1, 8, 3], [-100, 8, 3])];
        var task = new NextTokenTask(model.Decoder, rows, new TrainingOptions { NextToken = new() { LabelSmoothing = Share } });

        var sum = task.Batch([0, 1], default).LossSum(model.Evaluation).Item();

        // transformers' LabelSmoother: (1 - share) nll + share times the mean over the vocabulary, places of -100 left out.
        var expected = 0.0;
        foreach (var row in rows)
        {
            var logits = model.Decoder.Logits(model.Decoder.Forward(TokenBatch.Of([row.Tokens]), model.Evaluation), model.Evaluation);
            var values = logits.ToArray<float>().Chunk(model.Config.VocabularySize).ToArray();
            for (var i = 1; i < row.Labels.Length; i++)
            {
                if (row.Labels[i] != TokenSequence.Ignored)
                {
                    var z = values[i - 1].Select(value => (double)value).ToArray();
                    var log = Math.Log(z.Sum(Math.Exp));
                    expected += ((1 - Share) * (log - z[row.Labels[i]])) + (Share * z.Average(value => log - value));
                }
            }
        }

        Assert.Equal(expected, sum, 1e-4);
    }

    [GoldenFact("golden/training")]
    public void Noise_is_bounded_by_each_rows_length_drawn_again_alike_and_only_in_training()
    {
        const double Alpha = 5;
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var model = LanguageModel.Load(Golden.Locate("training/base"), new LanguageModelOptions());
        int[][] rows = [[.. Enumerable.Range(3, 25)], [1, 8, 3]];
        var batch = TokenBatch.Of(rows);
        var plain = Embedding(batch, model.Evaluation);
        var training = new ForwardContext(DType.Float32, new DropoutKey(42, 7, 1)) { EmbeddingNoise = Alpha };

        var noise = Embedding(batch, training).Zip(plain, (noisy, value) => noisy - value).ToArray();

        var width = model.Config.HiddenSize;
        foreach (var (row, start) in new[] { (rows[0], 0), (rows[1], rows[0].Length) })
        {
            var bound = Alpha / Math.Sqrt(row.Length * width);
            var part = noise.AsSpan(start * width, row.Length * width).ToArray();
            Assert.InRange(part.Max(Math.Abs), 0.9 * bound, 1.0001 * bound);

            // A uniform distribution's mean is 0 within four standard errors, and its standard deviation bound / sqrt(3).
            Assert.Equal(0, part.Average(), 4 * bound / Math.Sqrt(3 * part.Length));
            Assert.Equal(bound / Math.Sqrt(3), Math.Sqrt(part.Average(value => value * value)), 0.1 * bound);
        }

        Assert.Equal(Embedding(batch, training), Embedding(batch, training));
        Assert.NotEqual(Embedding(batch, training), Embedding(batch, training with { Dropout = new DropoutKey(42, 8, 1) }));
        Assert.Equal(plain, Embedding(batch, model.Evaluation with { EmbeddingNoise = Alpha }));

        float[] Embedding(TokenBatch tokens, ForwardContext context)
        {
            float[]? first = null;
            model.Decoder.HiddenStates(tokens, context, state => first ??= state.Detach().ToArray<float>());
            return first!;
        }
    }

    [GoldenFact("golden/training")]
    public void A_plus_ratio_moves_the_second_matrix_faster_from_the_first_step_on()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var ratios = new List<double>();
        using var plain = TrainingRun.Start(Golden.Json(Case), change: OneStep);
        using var plus = TrainingRun.Start(Golden.Json(Case), change: OneStep, plusRatio: 16);
        plain.Trainer.Run(CancellationToken.None);
        plus.Trainer.Run(CancellationToken.None);

        // B begins at zero, so after one step its size is the step's; A has no gradient yet.
        foreach (var ((name, slow), (_, fast)) in plain.Trainer.Parameters().Zip(plus.Trainer.Parameters()))
        {
            var factor = name.Contains("lora_B", StringComparison.Ordinal) ? 16 : 1;
            Close.Assert(slow.Detach() * factor, fast.Detach(), 1e-5, name);
        }

        static TrainingOptions OneStep(TrainingOptions options) => options with { MaxSteps = 1, WeightDecay = 0 };
    }

    [GoldenFact("golden/training")]
    public void Gradients_below_the_largest_norm_stay_as_they_are()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var free = TrainingRun.Start(Golden.Json(Case), change: options => options with { MaxSteps = 2, MaxGradNorm = 0 });
        using var wide = TrainingRun.Start(Golden.Json(Case), change: options => options with { MaxSteps = 2, MaxGradNorm = 1e6 });
        free.Trainer.Run(CancellationToken.None);
        wide.Trainer.Run(CancellationToken.None);

        foreach (var ((name, expected), (_, found)) in free.Trainer.Parameters().Zip(wide.Trainer.Parameters()))
        {
            Close.Assert(expected.Detach(), found.Detach(), 0, name);
        }
    }

    [Fact]
    public void Rows_of_like_length_come_together_the_longest_first()
    {
        var lengths = Enumerable.Range(0, 400).Select(row => (row * 7919 % 211) + 10).ToArray();
        var order = RowOrder.OfEpoch(lengths.Length, 42, 0);

        var grouped = RowOrder.GroupedByLength(order, row => lengths[row], batchSize: 4);

        Assert.Equal(Enumerable.Range(0, lengths.Length), grouped.Order());
        Assert.Equal(lengths.Max(), lengths[grouped[0]]);
        var spread = grouped.Chunk(4).Average(batch => batch.Max(row => lengths[row]) - batch.Min(row => lengths[row]));
        var random = order.Chunk(4).Average(batch => batch.Max(row => lengths[row]) - batch.Min(row => lengths[row]));
        Assert.True(spread < random / 10, $"{spread} against {random}");
        Assert.NotEqual(grouped, RowOrder.GroupedByLength(RowOrder.OfEpoch(lengths.Length, 42, 1), row => lengths[row], 4));
        Assert.Equal([2, 1, 0], RowOrder.GroupedByLength([0, 1, 2], row => row, 8));
    }

    [GoldenFact("golden/training/lora_linear_ddp2")]
    public void Two_ranks_plan_the_micro_batches_of_the_reference()
    {
        var options = new TrainingOptions { BatchSize = 2, Accumulation = 2 };
        var plan = new TrainingPlan(24, _ => 0, options, worldSize: 2);
        var ranks = Golden.Json("training/lora_linear_ddp2/case.json").GetProperty("micro_batches_per_rank").EnumerateArray().ToArray();
        for (var rank = 0; rank < ranks.Length; rank++)
        {
            var expected = ranks[rank].EnumerateArray().Select(batch => batch.EnumerateArray().Select(row => row.GetInt32()).ToArray());
            Assert.Equal(expected, Enumerable.Range(0, plan.TotalSteps).SelectMany(step => plan.MicroBatches(step, rank)));
        }
    }
}
