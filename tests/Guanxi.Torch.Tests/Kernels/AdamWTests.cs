using Guanxi.TestKit;
using Guanxi.Torch.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed unsafe class AdamWTests
{
    [GoldenFact("golden/training/optimizers")]
    public void Six_steps_give_the_moments_of_torch_bit_for_bit_and_its_weights_but_for_the_last_bit()
    {
        var golden = new GoldenTensors("training/optimizers/tensors.safetensors");
        var gradients = golden.Floats("gradients");
        var start = golden.Floats("start");
        var count = start.Length;
        using var memory = new TestMemory();
        var parameter = memory.Of<float>(start);
        var (first, second) = ((nint)memory.New<float>(count), (nint)memory.New<float>(count));
        for (var step = 1; step <= 6; step++)
        {
            var gradient = memory.Of<float>(gradients.AsSpan((step - 1) * count, count));
            AdamW.Run(parameter, gradient, (float*)first, (float*)second, count, new AdamWSettings(0.01, 0.9, 0.999, 1e-8, 0.01, step, 1));
            var expected = golden.Floats($"torch_adamw.weight.step{step}");
            var found = TestMemory.Read(parameter, count);
            // torch takes its square roots from a vector library that is not correctly rounded; one weight in sixty differs by a unit or
            // two.
            KernelCheck.Near(KernelCheck.Doubles(expected), found, 4.8e-7, $"step {step}");
            Assert.True(expected.Zip(found).Count(pair => pair.First != pair.Second) < count / 50);
        }

        KernelCheck.EqualBits(golden.Floats("torch_adamw.state.exp_avg"), TestMemory.Read((float*)first, count), "first moment");
        KernelCheck.EqualBits(golden.Floats("torch_adamw.state.exp_avg_sq"), TestMemory.Read((float*)second, count), "second moment");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(37)]
    [InlineData(20_001)]
    public void A_step_equals_the_formula_in_double_precision(int count)
    {
        var (p, g, m) = (KernelCheck.Random(1, count), KernelCheck.Random(2, count), KernelCheck.Random(3, count, 0.1));
        var v = KernelCheck.Random(4, count).Select(value => value * value).ToArray();
        var step = new AdamWSettings(3e-3, 0.9, 0.95, 1e-6, 0.1, 7, 0.25);
        var found = KernelCheck.SameEverywhere(() =>
        {
            using var memory = new TestMemory();
            var parameter = memory.Of<float>(p);
            AdamW.Run(parameter, memory.Of<float>(g), memory.Of<float>(m), memory.Of<float>(v), count, step);
            return TestMemory.Read(parameter, count);
        });
        var expected = Enumerable.Range(0, count).Select(i =>
        {
            var gradient = g[i] * 0.25;
            var first = (0.9 * m[i]) + (0.1 * gradient);
            var second = (0.95 * v[i]) + (0.05 * gradient * gradient);
            var root = Math.Sqrt(second / (1 - Math.Pow(0.95, 7))) + 1e-6;
            return (p[i] * (1 - (3e-3 * 0.1))) - (3e-3 / (1 - Math.Pow(0.9, 7)) * first / root);
        }).ToArray();
        // Weights below one, and an update whose relative error is a few float32 roundings.
        KernelCheck.Near(expected, found, 3e-7, "parameter");
    }
}
