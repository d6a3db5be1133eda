using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Training;
using Guanxi.Transformers.Training.Ranks;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>Optimizers against six steps of torch and bitsandbytes with given gradients.</summary>
public sealed class OptimizerTests
{
    private const double Rate = 0.01;
    private const int Steps = 6;

    private static readonly TrainingOptions s_options = new() { WeightDecay = 0.01 };

    // fp32: rounding. 8 bits: the search of codes in bitsandbytes' CPU library is approximate, and one code more or less near zero moves
    // a weight whose gradients are tiny by a third of the rate; the case gives a tenth of the rate for the others.
    [Theory]
    [GoldenInlineData("golden/training/optimizers", "torch_adamw", OptimizerKind.AdamW, 1e-6, 1e-6)]
    [GoldenInlineData("golden/training/optimizers", "bnb_paged_adamw_32bit", OptimizerKind.AdamW, 1e-6, 1e-6)]
    [GoldenInlineData("golden/training/optimizers", "bnb_adamw_8bit", OptimizerKind.AdamW8Bit, 1e-3, 5e-3)]
    public void Every_step_is_the_reference(string name, OptimizerKind kind, double tolerance, double most)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var golden = new GoldenFile("training/optimizers/tensors.safetensors");
        using var parameter = new Parameter(golden["start"]) { IsTrainable = true };
        using var optimizer = new Optimizer([new TrainableParameter("p", parameter, Decays: true)], s_options with { Optimizer = kind }, RankGroup.Alone);
        var gradients = golden["gradients"];
        for (var step = 1; step <= Steps; step++)
        {
            parameter.Value.Grad = gradients.Narrow(0, step - 1, 1).View(parameter.Value.Shape);
            optimizer.Step(Rate, gradientScale: 1);

            var differences = Differences(golden[$"{name}.weight.step{step}"], parameter.Value.Detach());
            Assert.True(differences[^1] <= most, $"step {step}: {differences[^1]}");
            Assert.True(differences[(int)(differences.Length * 0.999)] <= tolerance, $"step {step}, p99.9: {differences[(int)(differences.Length * 0.999)]}");
        }

        optimizer.ClearGradients();
    }

    [GoldenFact("golden/training/optimizers")]
    public void Moments_in_8_bits_have_the_form_and_nearly_the_codes_of_bitsandbytes()
    {
        // A code apart is what its approximate search gives; the magnitudes are those of the largest entries, within their rounding.
        const int CodeTolerance = 2;
        const double MagnitudeShare = 2e-2;
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var golden = new GoldenFile("training/optimizers/tensors.safetensors");
        using var parameter = new Parameter(golden["start"]) { IsTrainable = true };
        using var optimizer = Run(parameter, golden["gradients"]);

        foreach (var (name, value) in optimizer.State())
        {
            var expected = golden[$"bnb_adamw_8bit.state.{name["p.".Length..]}"];
            Assert.Equal(expected.DType, value.DType);
            Assert.Equal(expected.Shape.ToArray(), value.Shape.ToArray());
            var isCode = value.DType == DType.UInt8;
            var tolerance = isCode ? CodeTolerance : MagnitudeShare * expected.Abs().Max().Item();
            var differences = Differences(expected, value);
            Assert.True(differences[(int)(differences.Length * 0.99)] <= tolerance, $"{name}: {differences[^1]}");
        }
    }

    [GoldenFact("golden/training/optimizers")]
    public void The_code_search_finds_the_nearest_value()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var golden = new GoldenFile("training/optimizers/tensors.safetensors");
        using var exact = new Parameter(golden["start"]) { IsTrainable = true };
        using var coarse = new Parameter(golden["start"]) { IsTrainable = true };
        using var fine = Run(exact, golden["gradients"], OptimizerKind.AdamW);
        using var eight = Run(coarse, golden["gradients"]);

        // Half a cell of the dynamic map is 0.7 % of a block's largest entry, or less; six steps move a weight by 0.06.
        Close.Assert(exact.Value.Detach(), coarse.Value.Detach(), 2.5e-3, "8 bits against 32");
    }

    [Fact]
    public void Small_tensors_keep_their_moments_in_32_bits()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var small = new Parameter(Tensor.Zeros([63, 65], DType.Float32, Device.Cpu));
        using var large = new Parameter(Tensor.Zeros([64, 64], DType.Float32, Device.Cpu));
        TrainableParameter[] parameters = [new("small", small, true), new("large", large, true)];
        using var optimizer = new Optimizer(parameters, s_options with { Optimizer = OptimizerKind.AdamW8Bit }, RankGroup.Alone);

        Assert.Equal(
            ["small.exp_avg", "small.exp_avg_sq", "large.state1", "large.absmax1", "large.state2", "large.absmax2"],
            optimizer.State().Select(item => item.Name));
    }

    [Fact]
    public void Gradient_descent_adds_the_decay_to_the_gradient_and_rates_have_factors()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var decaying = new Parameter(Tensor.From([1f, -2f], 2)) { IsTrainable = true };
        using var plain = new Parameter(Tensor.From([1f, -2f], 2)) { IsTrainable = true };
        TrainableParameter[] parameters = [new("decaying", decaying, true), new("plain", plain, false) { RateFactor = 4 }];
        using var optimizer = new Optimizer(parameters, s_options with { Optimizer = OptimizerKind.Sgd, WeightDecay = 0.5 }, RankGroup.Alone);
        foreach (var parameter in parameters)
        {
            parameter.Parameter.Value.Grad = Tensor.From([0.5f, 1f], 2);
        }

        optimizer.Step(learningRate: 0.1, gradientScale: 0.5);
        optimizer.ClearGradients();

        Assert.Empty(optimizer.State());
        Assert.Equal([1f - (0.1f * (0.25f + 0.5f)), -2f - (0.1f * (0.5f - 1f))], decaying.Value.Detach().ToArray<float>(), (x, y) => Math.Abs(x - y) < 1e-6);
        Assert.Equal([1f - (0.4f * 0.25f), -2f - (0.4f * 0.5f)], plain.Value.Detach().ToArray<float>(), (x, y) => Math.Abs(x - y) < 1e-6);
    }

    private static Optimizer Run(Parameter parameter, Tensor gradients, OptimizerKind kind = OptimizerKind.AdamW8Bit)
    {
        var optimizer = new Optimizer([new TrainableParameter("p", parameter, Decays: true)], s_options with { Optimizer = kind }, RankGroup.Alone);
        for (var step = 0; step < Steps; step++)
        {
            parameter.Value.Grad = gradients.Narrow(0, step, 1).View(parameter.Value.Shape);
            optimizer.Step(Rate, gradientScale: 1);
        }

        optimizer.ClearGradients();
        return optimizer;
    }

    private static double[] Differences(Tensor expected, Tensor actual)
    {
        var difference = (expected.To(DType.Float32) + (-actual.To(DType.Float32))).Abs().View(-1).ToArray<float>();
        return [.. difference.Select(value => (double)value).Order()];
    }
}
