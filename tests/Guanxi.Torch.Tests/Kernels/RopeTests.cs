using Guanxi.Torch.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed unsafe class RopeTests
{
    private const int Tokens = 5;
    private const int TablePositions = 20;
    private static readonly int[] s_positions = [0, 3, 1, 19, 7];

    public static TheoryData<DType, int, int> Shapes() => KernelCheck.Shapes((1, 2), (3, 10), (2, 32), (2, 48), (1, 66));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Each_pair_turns_by_its_angle_and_nothing_else_changes(DType dtype, int heads, int headDim)
    {
        var stride = heads * headDim;
        var x = KernelCheck.Rounded(dtype, KernelCheck.Random(1, Tokens * stride, 2));
        var found = KernelCheck.SameEverywhere(() => Run(dtype, x, heads, headDim, inverse: false));
        var expected = KernelCheck.Doubles(x);
        for (var token = 0; token < Tokens; token++)
        {
            for (var i = 0; i < heads * headDim / 2; i++)
            {
                var (head, pair) = Math.DivRem(i, headDim / 2);
                var lower = (token * stride) + (head * headDim) + pair;
                var upper = lower + (headDim / 2);
                var (sine, cosine) = Math.SinCos(Angle(s_positions[token], pair));
                (expected[lower], expected[upper]) =
                    ((x[lower] * cosine) - (x[upper] * sine), (x[upper] * cosine) + (x[lower] * sine));
            }
        }

        // Sums of two products of numbers up to 2, with tables in float32, rounded once.
        KernelCheck.Near(expected, found, (KernelCheck.Rounding(dtype) * 3) + 1e-6, "rotated");
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Turning_back_is_the_gradient(DType dtype, int heads, int headDim)
    {
        var stride = heads * headDim;
        var dy = KernelCheck.Rounded(dtype, KernelCheck.Random(2, Tokens * stride));
        var found = KernelCheck.SameEverywhere(() => Run(dtype, dy, heads, headDim, inverse: true));
        // The rotation is linear, so differences with a step of one are exact: dx_i is dy times the image of the unit vector i.
        for (var i = 0; i < dy.Length; i += 3)
        {
            var unit = new float[dy.Length];
            unit[i] = 1f;
            var image = Run(DType.Float32, unit, heads, headDim, inverse: false);
            var expected = image.Zip(dy, (a, b) => a * (double)b).Sum();
            Assert.Equal(expected, found[i], KernelCheck.Rounding(dtype) * 2 + 1e-6);
        }
    }

    [Fact]
    public void An_odd_head_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Rope.Run(DType.Float32, null, null, null, null, 1, 1, 3, false));

    private static double Angle(int position, int pair) => position * Math.Pow(100, -pair / 8.0);

    private static float[] Run(DType dtype, float[] x, int heads, int headDim, bool inverse)
    {
        using var memory = new TestMemory();
        var half = headDim / 2;
        var cosines = memory.New<float>(TablePositions * half);
        var sines = memory.New<float>(TablePositions * half);
        for (var i = 0; i < TablePositions * half; i++)
        {
            var (sine, cosine) = Math.SinCos(Angle(i / half, i % half));
            (sines[i], cosines[i]) = ((float)sine, (float)cosine);
        }

        var data = memory.Of(dtype, x);
        Rope.Run(dtype, data, cosines, sines, memory.Of<int>(s_positions), Tokens, heads, headDim, inverse);
        return TestMemory.Read(dtype, data, x.Length);
    }
}
