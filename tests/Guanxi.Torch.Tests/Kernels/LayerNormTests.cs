using Guanxi.TestKit;
using Guanxi.Torch.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed unsafe class LayerNormTests
{
    private const float Epsilon = 1e-5f;

    public static TheoryData<DType, int, int> Shapes() => KernelCheck.Shapes((1, 2), (3, 15), (5, 16), (2, 33), (17, 20), (3, 70));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Forward_equals_the_formula_in_double_precision(DType dtype, int rows, int columns)
    {
        var inputs = Inputs(dtype, rows, columns);
        var found = KernelCheck.SameEverywhere(() => Forward(dtype, inputs, rows, columns).Y);
        // One rounding of a value of at most sqrt(columns) times a weight up to 1.5; x is up to 6, so its mean costs 1e-6.
        var tolerance = (KernelCheck.Rounding(dtype) * 2 * Math.Sqrt(columns)) + 1e-5;
        KernelCheck.Near(Reference([.. inputs[..3].Select(KernelCheck.Doubles)], columns), found, tolerance, "y");
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Backward_equals_central_differences(DType dtype, int rows, int columns)
    {
        var inputs = Inputs(dtype, rows, columns);
        var found = KernelCheck.SameEverywhere(() => Backward(dtype, inputs, rows, columns, learns: true));
        var count = rows * columns;
        KernelCheck.EqualBits(found.AsSpan(0, count), Backward(dtype, inputs, rows, columns, learns: false), "dx alone");

        double[][] values = [.. inputs[..3].Select(KernelCheck.Doubles)];
        double Loss(int part, double[] moved) =>
            Reference([.. values.Select((value, i) => i == part ? moved : value)], columns).Zip(inputs[3], (y, d) => y * d).Sum();

        // Rows of two columns and small variance have gradients of several hundred; else values are below 10.
        var expected = values.Select((at, part) => KernelCheck.Gradient(at, moved => Loss(part, moved)));
        var all = expected.SelectMany(part => part).ToArray();
        var tolerance = ((KernelCheck.Rounding(dtype) * 4) + 2e-5) * Math.Max(1, all.Max(Math.Abs));
        KernelCheck.Near(all, found, tolerance, "gradients");
    }

    [Fact]
    public void A_constant_row_gives_the_bias_and_a_far_one_stays_finite()
    {
        const int Columns = 40;
        float[] x = [.. Enumerable.Repeat(3f, Columns), .. Enumerable.Repeat(1e18f, Columns)];
        float[][] inputs = [x, [.. Enumerable.Repeat(2f, Columns)], [.. Enumerable.Range(0, Columns).Select(i => (float)i)], x];
        var y = Forward(DType.Float32, inputs, 2, Columns).Y;
        Assert.Equal(inputs[2], y[..Columns]);
        Assert.All(y[Columns..], value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void The_fused_form_equals_libtorch_and_so_do_its_gradients()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var inputs = Inputs(DType.Float32, 9, 44);
        float[][] results = [.. ((bool[])[false, true]).Select(composed =>
        {
            Tensor[] leaves = [Tensor.From<float>(inputs[0], 9, 44), Tensor.From<float>(inputs[1], 44), Tensor.From<float>(inputs[2], 44)];
            Array.ForEach(leaves, leaf => leaf.RequiresGrad = true);
            var y = composed
                ? Functional.LayerNormComposed(leaves[0], leaves[1], leaves[2], Epsilon)
                : Functional.LayerNorm(leaves[0], leaves[1], leaves[2], Epsilon);
            Autograd.Backward([y], [Tensor.From<float>(inputs[3], 9, 44)]);
            return (float[])[.. y.ToArray<float>(), .. leaves.SelectMany(leaf => leaf.Grad!.ToArray<float>())];
        })];
        // Sums of 44 products below 10 in another order.
        KernelCheck.Near(KernelCheck.Doubles(results[1]), results[0], 2e-5, "layer norm");
    }

    /// <summary>x, weight, bias and the gradient of y.</summary>
    private static float[][] Inputs(DType dtype, int rows, int columns) =>
    [
        KernelCheck.Rounded(dtype, [.. KernelCheck.Random(1, rows * columns, 3).Select(x => x + 3)]),
        KernelCheck.Rounded(dtype, [.. KernelCheck.Random(2, columns, 0.5).Select(w => w + 1)]),
        KernelCheck.Rounded(dtype, KernelCheck.Random(3, columns)),
        KernelCheck.Rounded(dtype, KernelCheck.Random(4, rows * columns)),
    ];

    private static (float[] Y, float[] Moments) Forward(DType dtype, float[][] inputs, int rows, int columns)
    {
        using var memory = new TestMemory();
        var y = memory.New(dtype, rows * columns);
        var moments = memory.New<float>(2 * rows);
        void* x = memory.Of(dtype, inputs[0]), weight = memory.Of(dtype, inputs[1]), bias = memory.Of(dtype, inputs[2]);
        LayerNorm.Forward(dtype, x, weight, bias, y, moments, rows, columns, Epsilon);
        return (TestMemory.Read(dtype, y, rows * columns), TestMemory.Read(moments, 2 * rows));
    }

    private static float[] Backward(DType dtype, float[][] inputs, int rows, int columns, bool learns)
    {
        using var memory = new TestMemory();
        var moments = memory.Of<float>(Forward(dtype, inputs, rows, columns).Moments);
        var dx = memory.New(dtype, rows * columns);
        var parameters = learns ? memory.New<float>(2 * columns) : null;
        void* x = memory.Of(dtype, inputs[0]), weight = memory.Of(dtype, inputs[1]), dy = memory.Of(dtype, inputs[3]);
        LayerNorm.Backward(dtype, x, weight, moments, dy, dx, parameters, rows, columns);
        return [.. TestMemory.Read(dtype, dx, rows * columns), .. learns ? TestMemory.Read(parameters, 2 * columns) : []];
    }

    private static double[] Reference(double[][] inputs, int columns)
    {
        var (x, y) = (inputs[0], new double[inputs[0].Length]);
        for (var row = 0; row < x.Length; row += columns)
        {
            var mean = x[row..(row + columns)].Average();
            var variance = x[row..(row + columns)].Average(value => (value - mean) * (value - mean));
            for (var i = 0; i < columns; i++)
            {
                y[row + i] = ((x[row + i] - mean) / Math.Sqrt(variance + Epsilon) * inputs[1][i]) + inputs[2][i];
            }
        }

        return y;
    }
}
