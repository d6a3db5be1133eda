using Guanxi.Torch.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed unsafe class RmsNormTests
{
    private const float Epsilon = 1e-5f;

    public static TheoryData<DType, int, int> Shapes() => KernelCheck.Shapes((1, 1), (3, 15), (5, 16), (2, 33), (17, 20), (3, 70));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Forward_equals_the_formula_in_double_precision(DType dtype, int rows, int columns)
    {
        var (x, weight, _) = Inputs(dtype, rows, columns);
        var found = KernelCheck.SameEverywhere(() => Forward(dtype, x, weight, rows, columns).Y);
        // One rounding of the normalised value (at most sqrt(columns)) and one of the product with a weight up to 1.5.
        var tolerance = (KernelCheck.Rounding(dtype) * 3 * Math.Sqrt(columns)) + 1e-5;
        KernelCheck.Near(Reference(KernelCheck.Doubles(x), KernelCheck.Doubles(weight), columns), found, tolerance, "y");
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Backward_equals_central_differences(DType dtype, int rows, int columns)
    {
        var (x, weight, dy) = Inputs(dtype, rows, columns);
        var found = KernelCheck.SameEverywhere(() => Backward(dtype, x, weight, dy, rows, columns, withWeight: true));
        KernelCheck.EqualBits(
            found.AsSpan(0, rows * columns), Backward(dtype, x, weight, dy, rows, columns, withWeight: false), "dx alone");

        double Loss(double[] xs, double[] ws) => Reference(xs, ws, columns).Zip(dy, (y, d) => y * d).Sum();
        var weights = KernelCheck.Doubles(weight);
        var xs = KernelCheck.Doubles(x);
        var dx = KernelCheck.Gradient(xs, at => Loss(at, weights));
        var dw = KernelCheck.Gradient(weights, at => Loss(xs, at));
        // Values here are below 10; the normalised value is rounded to the element type before it meets dy.
        var tolerance = (KernelCheck.Rounding(dtype) * 20) + 2e-5;
        KernelCheck.Near(dx, found[..(rows * columns)], tolerance, "dx");
        KernelCheck.Near(dw, found[(rows * columns)..], tolerance * rows, "dw");
    }

    [Fact]
    public void A_zero_row_gives_zeros_and_a_huge_row_stays_finite()
    {
        const int Columns = 40;
        var x = new float[3 * Columns];
        Array.Fill(x, 1e18f, Columns, Columns);
        Array.Fill(x, 1e-42f, 2 * Columns, Columns);
        var ones = Enumerable.Repeat(1f, Columns).ToArray();
        var (y, rstd) = Forward(DType.Float32, x, ones, 3, Columns);
        Assert.All(y[..Columns], value => Assert.Equal(0f, value));
        Assert.All(y[Columns..(2 * Columns)], value => Assert.Equal(1f, value, 1e-6f));
        Assert.All(y[(2 * Columns)..], value => Assert.InRange(value, 0f, 1e-39f));
        Assert.Equal(1 / Math.Sqrt(Epsilon), rstd[0], 1e-3);
    }

    [Fact]
    public void The_result_may_overwrite_the_input()
    {
        const int Columns = 50;
        var (x, weight, dy) = Inputs(DType.Float32, 4, Columns);
        using var memory = new TestMemory();
        var inPlace = memory.Of<float>(x);
        var rstd = memory.New<float>(4);
        RmsNorm.Forward(DType.Float32, inPlace, memory.Of<float>(weight), inPlace, rstd, 4, Columns, Epsilon);
        KernelCheck.EqualBits(Forward(DType.Float32, x, weight, 4, Columns).Y, TestMemory.Read(inPlace, 4 * Columns), "y over x");

        var gradient = memory.Of<float>(dy);
        RmsNorm.Backward(DType.Float32, memory.Of<float>(x), memory.Of<float>(weight), rstd, gradient, gradient, null, 4, Columns);
        var apart = Backward(DType.Float32, x, weight, dy, 4, Columns, withWeight: false);
        KernelCheck.EqualBits(apart, TestMemory.Read(gradient, 4 * Columns), "dx over dy");
    }

    private static (float[] X, float[] Weight, float[] Dy) Inputs(DType dtype, int rows, int columns)
    {
        var x = KernelCheck.Rounded(dtype, KernelCheck.Random(1, rows * columns, 3));
        var weight = KernelCheck.Rounded(dtype, [.. KernelCheck.Random(2, columns, 0.5).Select(w => w + 1)]);
        return (x, weight, KernelCheck.Rounded(dtype, KernelCheck.Random(3, rows * columns)));
    }

    private static (float[] Y, float[] Rstd) Forward(DType dtype, float[] x, float[] weight, int rows, int columns)
    {
        using var memory = new TestMemory();
        var y = memory.New(dtype, x.Length);
        var rstd = memory.New<float>(rows);
        RmsNorm.Forward(dtype, memory.Of(dtype, x), memory.Of(dtype, weight), y, rstd, rows, columns, Epsilon);
        return (TestMemory.Read(dtype, y, x.Length), TestMemory.Read(rstd, rows));
    }

    private static float[] Backward(DType dtype, float[] x, float[] weight, float[] dy, int rows, int columns, bool withWeight)
    {
        using var memory = new TestMemory();
        var rstd = memory.Of<float>(Forward(dtype, x, weight, rows, columns).Rstd);
        var dx = memory.New(dtype, x.Length);
        var dw = withWeight ? memory.New<float>(columns) : null;
        RmsNorm.Backward(dtype, memory.Of(dtype, x), memory.Of(dtype, weight), rstd, memory.Of(dtype, dy), dx, dw, rows, columns);
        return [.. TestMemory.Read(dtype, dx, x.Length), .. withWeight ? TestMemory.Read(dw, columns) : []];
    }

    private static double[] Reference(double[] x, double[] weight, int columns)
    {
        var y = new double[x.Length];
        for (var row = 0; row < x.Length; row += columns)
        {
            var mean = Enumerable.Range(row, columns).Sum(i => x[i] * x[i]) / columns;
            for (var i = 0; i < columns; i++)
            {
                y[row + i] = x[row + i] / Math.Sqrt(mean + Epsilon) * weight[i];
            }
        }

        return y;
    }
}
