using Guanxi.Torch.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed unsafe class MaskedSoftmaxTests
{
    private const int Batch = 2;
    private const int Heads = 3;

    public static TheoryData<DType, string> Cases()
    {
        var data = new TheoryData<DType, string>();
        foreach (var dtype in KernelCheck.DTypes)
        {
            foreach (var name in new[] { "full", "causal", "prefix", "window", "alibi", "padded", "bias", "all", "one" })
            {
                data.Add(dtype, name);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Forward_equals_the_formula_in_double_precision_and_hidden_keys_are_exactly_zero(DType dtype, string name)
    {
        using var memory = new TestMemory();
        var mask = Mask(memory, name);
        var scores = KernelCheck.Rounded(dtype, KernelCheck.Random(1, Size(mask), 5));
        var found = KernelCheck.SameEverywhere(() => Forward(dtype, scores, mask));
        var expected = Reference(KernelCheck.Doubles(scores), mask);
        KernelCheck.Near(expected, found, KernelCheck.Rounding(dtype) + 5e-7, name);
        for (var i = 0; i < found.Length; i++)
        {
            Assert.True(found[i] == 0f || expected[i] != 0, $"[{i}] is hidden but {found[i]}");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Backward_equals_central_differences(DType dtype, string name)
    {
        using var memory = new TestMemory();
        var mask = Mask(memory, name);
        var scores = KernelCheck.Random(2, Size(mask), 3);
        var dp = KernelCheck.Rounded(dtype, KernelCheck.Random(3, Size(mask)));
        var p = KernelCheck.Rounded(dtype, [.. Reference(KernelCheck.Doubles(scores), mask).Select(v => (float)v)]);
        var found = KernelCheck.SameEverywhere(() => Backward(dtype, p, dp, mask));
        var expected = KernelCheck.Gradient(KernelCheck.Doubles(scores), at => Reference(at, mask).Zip(dp, (y, d) => y * d).Sum());
        // p is rounded to the element type, and the gradient once more.
        KernelCheck.Near(expected, found, (KernelCheck.Rounding(dtype) * 3) + 1e-6, name);
    }

    [Fact]
    public void Huge_scores_do_not_overflow_and_hidden_ones_do_not_matter()
    {
        using var memory = new TestMemory();
        var mask = new AttentionMask { Matrices = 1, Heads = 1, Queries = 2, Keys = 3, Scale = 1f, Causal = true, Offset = 0 };
        var p = Forward(DType.Float32, [3e38f, float.NaN, float.PositiveInfinity, -3e38f, 3e38f, float.NaN], mask);
        Assert.Equal([1f, 0f, 0f, 0f, 1f, 0f], p);
    }

    [Fact]
    public void A_query_that_sees_nothing_gets_zeros_and_passes_no_gradient()
    {
        using var memory = new TestMemory();
        var mask = new AttentionMask
        {
            Matrices = 1, Heads = 1, Queries = 3, Keys = 4, Scale = 1f, Causal = true, Offset = -1,
            Bias = memory.Of<float>(0, 0, 0, 0, float.NegativeInfinity, 0, 0, 0, 0, 0, 0, 0),
        };
        var p = Forward(DType.Float32, Enumerable.Repeat(1f, 12).ToArray(), mask);
        Assert.Equal([0f, 0f, 0f, 0f, 0f, 0f, 0f, 0f, 0.5f, 0.5f, 0f, 0f], p);
        var ds = Backward(DType.Float32, p, [5f, 5f, 5f, 5f, 5f, 5f, 5f, 5f, 1f, 0f, 5f, 5f], mask);
        Assert.Equal([0f, 0f, 0f, 0f, 0f, 0f, 0f, 0f, 0.25f, -0.25f, 0f, 0f], ds);
    }

    private static AttentionMask Mask(TestMemory memory, string name)
    {
        var plain = new AttentionMask { Matrices = Batch * Heads, Heads = Heads, Queries = 4, Keys = 23, Scale = 0.7f };
        var slopes = memory.Of<float>(0.5f, 0.25f, 0f);
        var counts = memory.Of<int>(13, 23);
        var bias = memory.Of<float>([.. KernelCheck.Random(7, 4 * 23).Select(v => v < -0.5f ? float.NegativeInfinity : v)]);
        return name switch
        {
            "full" => plain,
            "causal" => plain with { Causal = true, Queries = 23, Matrices = 1, Heads = 1 },
            "prefix" => plain with { Causal = true, Offset = 17 },
            "window" => plain with { Causal = true, Offset = 18, Window = 17 },
            "alibi" => plain with { Causal = true, Offset = 19, Slopes = slopes },
            "padded" => plain with { KeyCounts = counts },
            "bias" => plain with { Bias = bias },
            "all" => plain with { Causal = true, Offset = 17, Window = 16, Slopes = slopes, KeyCounts = counts, Bias = bias },
            _ => plain with { Keys = 1, Queries = 2 },
        };
    }

    private static int Size(AttentionMask mask) => (int)mask.Matrices * mask.Queries * mask.Keys;

    private static float[] Forward(DType dtype, float[] scores, AttentionMask mask)
    {
        using var memory = new TestMemory();
        var data = memory.Of(dtype, scores);
        MaskedSoftmax.Forward(dtype, data, mask);
        return TestMemory.Read(dtype, data, scores.Length);
    }

    private static float[] Backward(DType dtype, float[] p, float[] dp, AttentionMask mask)
    {
        using var memory = new TestMemory();
        var data = memory.Of(dtype, dp);
        MaskedSoftmax.Backward(dtype, memory.Of(dtype, p), data, mask);
        return TestMemory.Read(dtype, data, p.Length);
    }

    // Written from the definition, key by key, and not with AttentionMask.Visible.
    private static double[] Reference(double[] scores, AttentionMask mask)
    {
        var result = new double[scores.Length];
        for (var row = 0; row < scores.Length / mask.Keys; row++)
        {
            var (matrix, query) = Math.DivRem(row, mask.Queries);
            var position = query + mask.Offset;
            var powers = new double[mask.Keys];
            for (var key = 0; key < mask.Keys; key++)
            {
                var hidden = (mask.Causal && key > position)
                    || (mask.Window > 0 && key <= position - mask.Window)
                    || (mask.KeyCounts is not null && key >= mask.KeyCounts[matrix / mask.Heads]);
                var score = (scores[(row * mask.Keys) + key] * mask.Scale)
                    + (mask.Slopes is null ? 0 : mask.Slopes[matrix % mask.Heads] * (key - position))
                    + (mask.Bias is null ? 0 : mask.Bias[(query * mask.Keys) + key]);
                powers[key] = hidden ? 0 : Math.Exp(score);
            }

            var sum = powers.Sum();
            for (var key = 0; key < mask.Keys; key++)
            {
                result[(row * mask.Keys) + key] = sum == 0 ? 0 : powers[key] / sum;
            }
        }

        return result;
    }
}
