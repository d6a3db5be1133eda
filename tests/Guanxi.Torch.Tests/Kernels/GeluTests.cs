using Guanxi.TestKit;
using Guanxi.Torch.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed unsafe class GeluTests
{
    // The approximation's 3e-9 and some roundings of shares up to 1, times x, which is below 8 here.
    private const double Tolerance = 1e-6;

    public static TheoryData<DType, int, int> Shapes() => KernelCheck.Shapes((1, 1), (1, 7), (2, 16), (5, 31), (3, 50));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Values_and_slopes_equal_the_formula_in_double_precision(DType dtype, int rows, int columns)
    {
        var x = KernelCheck.Rounded(dtype, KernelCheck.Random(4, rows * columns, 7));
        var dy = KernelCheck.Rounded(dtype, KernelCheck.Random(6, x.Length));
        var found = KernelCheck.SameEverywhere(() => Run(dtype, x, null));
        var gradients = KernelCheck.SameEverywhere(() => Run(dtype, x, dy));

        var tolerance = (KernelCheck.Rounding(dtype) * 8) + Tolerance;
        var xs = KernelCheck.Doubles(x);
        KernelCheck.Near([.. xs.Select(Reference)], found, tolerance, "y");
        var expected = KernelCheck.Gradient(xs, at => at.Zip(dy, (value, d) => Reference(value) * d).Sum());
        KernelCheck.Near(expected, gradients, tolerance, "dx");
    }

    [Fact]
    public void Small_values_keep_their_own_precision_and_large_ones_pass_whole_or_not_at_all()
    {
        var y = Run(DType.Float32, [1e-20f, -1e-20f, 0f, 30f, -30f, 1e30f, -1e30f, float.NaN], null);
        Assert.Equal(5e-21f, y[0], 1e-27f);
        Assert.Equal(-5e-21f, y[1], 1e-27f);
        Assert.Equal([0f, 30f, 0f, 1e30f, 0f], y[2..7].Select(value => value == 0 ? 0f : value));
        Assert.True(float.IsNaN(y[7]));
    }

    [Fact]
    public void The_fused_form_equals_libtorch_and_so_does_its_gradient()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        float[][] results = [.. ((Func<Tensor, Tensor>[])[Functional.Gelu, x => x.Gelu()]).Select(function =>
        {
            var x = Tensor.From<float>(KernelCheck.Random(3, 30 * 23, 4), 23, 30);
            x.RequiresGrad = true;
            var y = function(x.Transpose(0, 1));
            (y * y).Sum().Backward();
            return (float[])[.. y.Contiguous().ToArray<float>(), .. x.Grad!.Contiguous().ToArray<float>()];
        })];
        KernelCheck.Near(KernelCheck.Doubles(results[1]), results[0], 1e-5, "gelu");
    }

    private static float[] Run(DType dtype, float[] x, float[]? dy)
    {
        using var memory = new TestMemory();
        var result = memory.New(dtype, x.Length);
        if (dy is null)
        {
            Gelu.Forward(dtype, memory.Of(dtype, x), result, x.Length);
        }
        else
        {
            Gelu.Backward(dtype, memory.Of(dtype, x), memory.Of(dtype, dy), result, x.Length);
        }

        return TestMemory.Read(dtype, result, x.Length);
    }

    /// <summary>By the density's integral from 0, which Simpson's rule gives to 1e-12 on 400 pieces.</summary>
    private static double Reference(double x)
    {
        const int Pieces = 400;
        var (step, sum) = (x / Pieces, 0.0);
        for (var i = 0; i <= Pieces; i++)
        {
            var weight = i is 0 or Pieces ? 1 : i % 2 == 1 ? 4 : 2;
            sum += weight * Math.Exp(-(i * step) * (i * step) / 2);
        }

        return x * (0.5 + (sum * step / 3 / Math.Sqrt(2 * Math.PI)));
    }
}
