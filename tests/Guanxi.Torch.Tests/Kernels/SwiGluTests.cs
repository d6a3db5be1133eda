using Guanxi.Torch.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed unsafe class SwiGluTests
{
    public static TheoryData<DType, int, int> Shapes() => KernelCheck.Shapes((1, 1), (3, 7), (2, 16), (5, 31), (3, 50));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Forward_equals_the_formula_in_double_precision(DType dtype, int rows, int columns)
    {
        var (gate, up, _) = Inputs(dtype, rows * columns);
        var found = KernelCheck.SameEverywhere(() => Forward(dtype, gate, up, rows, columns));
        // Products are below 16, and one rounding ends them.
        var expected = Reference(KernelCheck.Doubles(gate), KernelCheck.Doubles(up));
        KernelCheck.Near(expected, found, (KernelCheck.Rounding(dtype) * 16) + 2e-6, "y");
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Backward_equals_central_differences(DType dtype, int rows, int columns)
    {
        var (gate, up, dy) = Inputs(dtype, rows * columns);
        var found = KernelCheck.SameEverywhere(() => Backward(dtype, gate, up, dy, rows, columns));
        var (gates, ups) = (KernelCheck.Doubles(gate), KernelCheck.Doubles(up));
        double Loss(double[] g, double[] u) => Reference(g, u).Zip(dy, (y, d) => y * d).Sum();
        var tolerance = (KernelCheck.Rounding(dtype) * 16) + 3e-6;
        KernelCheck.Near(KernelCheck.Gradient(gates, at => Loss(at, ups)), found[..gate.Length], tolerance, "gate");
        KernelCheck.Near(KernelCheck.Gradient(ups, at => Loss(gates, at)), found[gate.Length..], tolerance, "up");
    }

    [Fact]
    public void The_gradients_may_take_the_place_of_gate_and_up()
    {
        const int Rows = 3;
        const int Columns = 37;
        var (gate, up, dy) = Inputs(DType.Float32, Rows * Columns);
        using var memory = new TestMemory();
        var (left, right) = ((nint)memory.Of<float>(gate), (nint)memory.Of<float>(up));
        SwiGlu.Backward(DType.Float32, (void*)left, (void*)right, memory.Of<float>(dy), (void*)left, (void*)right, Rows, Columns);
        KernelCheck.EqualBits(
            Backward(DType.Float32, gate, up, dy, Rows, Columns),
            [.. TestMemory.Read((float*)left, gate.Length), .. TestMemory.Read((float*)right, up.Length)],
            "in place");
    }

    [Fact]
    public void Gates_far_from_zero_pass_everything_or_nothing()
    {
        float[] gate = [200f, -200f, 1e30f, -1e30f, 0f, 1e-42f];
        var y = Forward(DType.Float32, gate, [2f, 2f, 2f, 2f, 2f, 2f], 1, gate.Length);
        Assert.Equal([400f, 0f, 2e30f, 0f, 0f, 1e-42f], y.Select(v => v == 0 ? 0f : v));
        var gradients = Backward(DType.Float32, gate, [2f, 2f, 2f, 2f, 2f, 2f], [1f, 1f, 1f, 1f, 1f, 1f], 1, gate.Length);
        Assert.All(gradients, value => Assert.True(float.IsFinite(value)));
        Assert.Equal(1f, gradients[4]);
    }

    private static (float[] Gate, float[] Up, float[] Dy) Inputs(DType dtype, int count) => (
        KernelCheck.Rounded(dtype, KernelCheck.Random(4, count, 6)),
        KernelCheck.Rounded(dtype, KernelCheck.Random(5, count, 2)),
        KernelCheck.Rounded(dtype, KernelCheck.Random(6, count)));

    private static float[] Forward(DType dtype, float[] gate, float[] up, int rows, int columns)
    {
        using var memory = new TestMemory();
        var y = memory.New(dtype, gate.Length);
        SwiGlu.Forward(dtype, memory.Of(dtype, gate), memory.Of(dtype, up), y, rows, columns);
        return TestMemory.Read(dtype, y, gate.Length);
    }

    private static float[] Backward(DType dtype, float[] gate, float[] up, float[] dy, int rows, int columns)
    {
        using var memory = new TestMemory();
        var (dGate, dUp) = ((nint)memory.New(dtype, gate.Length), (nint)memory.New(dtype, gate.Length));
        SwiGlu.Backward(
            dtype,
            memory.Of(dtype, gate),
            memory.Of(dtype, up),
            memory.Of(dtype, dy),
            (void*)dGate,
            (void*)dUp,
            rows,
            columns);
        return [.. TestMemory.Read(dtype, (void*)dGate, gate.Length), .. TestMemory.Read(dtype, (void*)dUp, gate.Length)];
    }

    private static double[] Reference(double[] gate, double[] up) => [.. gate.Zip(up, (g, u) => g / (1 + Math.Exp(-g)) * u)];
}
