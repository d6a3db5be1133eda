using Guanxi.Torch.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

/// <summary>What the kernel tests have in common.</summary>
internal static class KernelCheck
{
    public const string Collection = "kernels use one pool of threads";

    public static readonly DType[] DTypes = [DType.Float32, DType.BFloat16, DType.Float16];

    /// <summary>Every element type with every pair of sizes.</summary>
    public static TheoryData<DType, int, int> Shapes(params (int, int)[] sizes)
    {
        var data = new TheoryData<DType, int, int>();
        foreach (var dtype in DTypes)
        {
            foreach (var (rows, columns) in sizes)
            {
                data.Add(dtype, rows, columns);
            }
        }

        return data;
    }

    /// <summary>Half a unit in the last place of numbers near one, the error of one rounding.</summary>
    public static double Rounding(DType dtype) => dtype switch
    {
        DType.Float32 => Math.Pow(2, -24),
        DType.Float16 => Math.Pow(2, -11),
        _ => Math.Pow(2, -8),
    };

    public static float[] Random(int seed, int count, double scale = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(((random.NextDouble() * 2) - 1) * scale))];
    }

    /// <summary>The values after rounding to the element type.</summary>
    public static float[] Rounded(DType dtype, float[] values) => dtype switch
    {
        DType.Float32 => values,
        DType.BFloat16 => [.. values.Select(v => BFloat16.FromSingle(v).ToSingle())],
        _ => [.. values.Select(v => (float)(Half)v)],
    };

    /// <summary>Runs the same thing at every level with one thread and several, and wants the bits of the scalar form on one
    /// thread.</summary>
    public static float[] SameEverywhere(Func<float[]> run)
    {
        var expected = At(KernelLevel.Scalar, 1, run);
        foreach (var level in Enum.GetValues<KernelLevel>())
        {
            foreach (var threads in new[] { 1, 3 })
            {
                EqualBits(expected, At(level, threads, run), $"{level}, {threads} threads");
            }
        }

        return expected;
    }

    public static void EqualBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            var same = BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]);
            if (!same && !(float.IsNaN(expected[i]) && float.IsNaN(actual[i])))
            {
                Assert.Fail($"{what}: [{i}] expected {expected[i]:R}, found {actual[i]:R}");
            }
        }
    }

    /// <summary>Every element within an absolute distance.</summary>
    public static void Near(IReadOnlyList<double> expected, IReadOnlyList<float> actual, double tolerance, string what)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++)
        {
            if (!(Math.Abs(expected[i] - actual[i]) <= tolerance))
            {
                Assert.Fail($"{what}: [{i}] expected {expected[i]:R}, found {actual[i]:R}, tolerance {tolerance}");
            }
        }
    }

    /// <summary>Gradient of a function of many numbers by central differences in double precision.</summary>
    public static double[] Gradient(double[] at, Func<double[], double> function)
    {
        const double Step = 1e-5;
        var gradient = new double[at.Length];
        for (var i = 0; i < at.Length; i++)
        {
            var kept = at[i];
            at[i] = kept + Step;
            var above = function(at);
            at[i] = kept - Step;
            gradient[i] = (above - function(at)) / (2 * Step);
            at[i] = kept;
        }

        return gradient;
    }

    public static double[] Doubles(float[] values) => Array.ConvertAll(values, v => (double)v);

    private static float[] At(KernelLevel level, int threads, Func<float[]> run)
    {
        using var forcedLevel = KernelLevels.Force(level);
        using var forcedThreads = KernelThreads.Force(threads);
        return run();
    }
}
