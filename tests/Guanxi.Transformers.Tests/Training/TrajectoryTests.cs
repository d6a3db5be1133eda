using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>Runs of our trainer against runs of Hugging Face's, step by step and weight by weight.</summary>
public sealed class TrajectoryTests
{
    [Theory]
    [GoldenInlineData("golden/training/full_adamw_constant_warmup", "full_adamw_constant_warmup")]
    [GoldenInlineData("golden/training/lora_linear", "lora_linear")]
    [GoldenInlineData("golden/training/lora_linear_checkpointing", "lora_linear_checkpointing")]
    [GoldenInlineData("golden/training/lora_linear_remainder", "lora_linear_remainder")]
    [GoldenInlineData("golden/training/lora_linear_mean_of_means", "lora_linear_mean_of_means")]
    [GoldenInlineData("golden/training/lora_cosine_decay_clip", "lora_cosine_decay_clip")]
    [GoldenInlineData("golden/training/qlora_constant_warmup", "qlora_constant_warmup")]
    public void A_run_is_the_reference_step_by_step(string name)
    {
        using var leaks = new LeakCheck();
        var golden = Golden.Json($"training/{name}/case.json");
        using var run = TrainingRun.Start(golden);
        using var state = Golden.TryPath($"training/{name}/step5.safetensors") is null ? null : new GoldenFile($"training/{name}/step5.safetensors");
        run.Stepping = step => AssertState(state, step, run.Trainer);

        Assert.True(run.Trainer.Run(CancellationToken.None));

        var lossName = golden.GetProperty("arguments").TryGetProperty("old_loss", out _) ? "loss_mean_of_means" : "loss_token_normalised";
        var tolerance = golden.GetProperty("tolerance");
        var steps = golden.GetProperty("steps").EnumerateArray().ToArray();
        Assert.Equal(steps.Length, run.Steps.Count);
        for (var i = 0; i < steps.Length; i++)
        {
            Assert.Equal(steps[i].GetProperty("learning_rate").GetDouble(), run.Steps[i].LearningRate, tolerance.GetProperty("learning_rate").GetDouble());
            Assert.Equal(steps[i].GetProperty(lossName).GetDouble(), run.Steps[i].Loss, tolerance.GetProperty("loss").GetDouble());
            var norm = steps[i].GetProperty("grad_norm_before_clipping").GetDouble();
            Assert.Equal(norm, run.Steps[i].GradNorm, norm * tolerance.GetProperty("grad_norm_relative").GetDouble());
        }

        if (Golden.TryPath($"training/{name}/final.safetensors") is null)
        {
            return; // Checkpointing changes nothing, so that case has no weights of its own.
        }

        using var final = new GoldenFile($"training/{name}/final.safetensors");
        AssertWeights(final, run.Trainer.State().Where(item => final.Names.Contains(item.Name)), tolerance.GetProperty("weights"));
    }

    [GoldenFact("golden/training/lora_linear_bf16_autocast")]
    public void A_run_in_bfloat16_stays_near_the_reference()
    {
        using var leaks = new LeakCheck();
        var golden = Golden.Json("training/lora_linear_bf16_autocast/case.json");
        using var run = TrainingRun.Start(golden);

        Assert.True(run.Trainer.Run(CancellationToken.None));

        // The golden's own tolerances: rounding to bf16 moves a loss by 0.009 there.
        foreach (var (expected, actual) in golden.GetProperty("steps").EnumerateArray().Zip(run.Steps))
        {
            Assert.Equal(expected.GetProperty("loss_token_normalised").GetDouble(), actual.Loss, 0.03);
            var norm = expected.GetProperty("grad_norm_before_clipping").GetDouble();
            Assert.Equal(norm, actual.GradNorm, 0.03 * norm);
        }
    }

    /// <summary>Moments after step 5, against the largest entry of their tensor: rounding reached 6e-4 of it; a wrong beta is far more.</summary>
    private static void AssertState(GoldenFile? expected, TrainStep step, Trainer trainer)
    {
        const int SavedStep = 5;
        const double MomentShare = 2e-3;
        if (expected is null || step.Step != SavedStep)
        {
            return;
        }

        using var scope = TensorScope.Enter();
        var seen = 0;
        foreach (var (name, value) in trainer.State())
        {
            var kind = name.EndsWith(".exp_avg", StringComparison.Ordinal) ? "exp_avg" : name.EndsWith(".exp_avg_sq", StringComparison.Ordinal) ? "exp_avg_sq" : null;
            var key = kind is null ? $"weight.{name}" : $"{kind}.{name[..^(kind.Length + 1)]}";
            if (kind is not null && expected.Names.Contains(key))
            {
                Close.Assert(expected[key], value, (MomentShare * expected[key].Abs().Max().Item()) + float.Epsilon, key);
            }

            seen += expected.Names.Contains(key) ? 1 : 0;
        }

        Assert.Equal(expected.Names.Count(), seen);
    }

    /// <summary>AdamW divides by the root of the second moment: an entry without a real gradient moves by rounding alone, hence three bounds.</summary>
    private static void AssertWeights(GoldenFile expected, IEnumerable<(string Name, Tensor Value)> actual, JsonElement tolerance)
    {
        using var scope = TensorScope.Enter();
        var differences = new List<double>();
        var seen = 0;
        foreach (var (name, value) in actual)
        {
            var difference = (expected[name].To(DType.Float32) + (-value.Detach())).Abs().ToArray<float>();
            differences.AddRange(difference.Select(number => (double)number));
            seen++;
        }

        Assert.Equal(expected.Names.Count(), seen);
        differences.Sort();
        Assert.True(differences[^1] <= tolerance.GetProperty("maximum").GetDouble(), $"maximum {differences[^1]}");
        Assert.True(differences[differences.Count / 2] <= tolerance.GetProperty("median").GetDouble(), $"median {differences[differences.Count / 2]}");
        var p999 = differences[(int)(differences.Count * 0.999)];
        Assert.True(p999 <= tolerance.GetProperty("p99.9").GetDouble(), $"p99.9 {p999}");
    }
}
