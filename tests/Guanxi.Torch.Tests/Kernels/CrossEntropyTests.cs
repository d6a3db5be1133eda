using Guanxi.Torch.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed unsafe class CrossEntropyTests
{
    public static TheoryData<DType, int, int> Shapes() => KernelCheck.Shapes((1, 1), (3, 14), (2, 16), (4, 101));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Loss_and_gradient_equal_the_formula_and_central_differences(DType dtype, int rows, int vocabulary)
    {
        foreach (var smoothing in new[] { 0.0, 0.1 })
        {
            var logits = KernelCheck.Rounded(dtype, KernelCheck.Random(1, rows * vocabulary, 4));
            long[] targets = [.. Enumerable.Range(0, rows).Select(row => row * 31L % vocabulary)];
            var found = KernelCheck.SameEverywhere(() => Run(dtype, logits, targets, vocabulary, smoothing));
            var expected = Losses(KernelCheck.Doubles(logits), targets, vocabulary, smoothing);
            KernelCheck.Near(expected, found[..rows], 2e-6, "loss");
            var gradient = KernelCheck.Gradient(KernelCheck.Doubles(logits), at => Losses(at, targets, vocabulary, smoothing).Sum());
            // Besides the rounding to the type: float32 arithmetic, and differences of sums of losses in steps of 1e-5.
            KernelCheck.Near(gradient, found[rows..], KernelCheck.Rounding(dtype) + 8e-7, "gradient");
        }
    }

    [Fact]
    public void A_large_vocabulary_loses_no_precision()
    {
        const int Vocabulary = 64_001;
        var logits = KernelCheck.Random(2, Vocabulary, 6);
        var found = Run(DType.Float32, logits, [777], Vocabulary, 0);
        Assert.Equal(Losses(KernelCheck.Doubles(logits), [777], Vocabulary, 0)[0], found[0], 2e-6);
        Assert.Equal(0, found.Skip(1).Sum(value => (double)value), 2e-6);
    }

    [Fact]
    public void Huge_and_hidden_logits_give_the_limit()
    {
        float[] logits = [3e38f, -3e38f, float.NegativeInfinity, 5f, float.NegativeInfinity, 5f];
        var found = Run(DType.Float32, logits, [0, 2], 3, 0);
        KernelCheck.EqualBits([0f, 0.6931472f, 0f, 0f, 0f, 0.5f, 0f, -0.5f], found, "limits");
    }

    [Fact]
    public void Losses_alone_leave_the_logits_as_they_are()
    {
        using var memory = new TestMemory();
        var values = KernelCheck.Random(3, 40);
        var logits = memory.Of<float>(values);
        var losses = memory.New<float>(2);
        CrossEntropy.Run(DType.Float32, logits, memory.Of<long>(3, 19), losses, null, 2, 20, 0);
        KernelCheck.EqualBits(values, TestMemory.Read(logits, 40), "logits");
        var together = Run(DType.Float32, values, [3, 19], 20, 0);
        KernelCheck.EqualBits(together.AsSpan(0, 2), TestMemory.Read(losses, 2), "losses");
    }

    // Losses, then the gradient, which is written over the logits.
    private static float[] Run(DType dtype, float[] logits, long[] targets, int vocabulary, double smoothing)
    {
        using var memory = new TestMemory();
        var data = memory.Of(dtype, logits);
        var losses = memory.New<float>(targets.Length);
        CrossEntropy.Run(dtype, data, memory.Of<long>(targets), losses, data, targets.Length, vocabulary, smoothing);
        return [.. TestMemory.Read(losses, targets.Length), .. TestMemory.Read(dtype, data, logits.Length)];
    }

    private static double[] Losses(double[] logits, long[] targets, int vocabulary, double smoothing)
    {
        var losses = new double[targets.Length];
        for (var row = 0; row < targets.Length; row++)
        {
            var x = logits.AsSpan(row * vocabulary, vocabulary).ToArray();
            var logSum = Math.Log(x.Sum(Math.Exp));
            losses[row] = ((1 - smoothing) * (logSum - x[targets[row]])) + (smoothing * (logSum - x.Average()));
        }

        return losses;
    }
}
