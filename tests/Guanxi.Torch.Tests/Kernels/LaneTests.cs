using Guanxi.Torch.Kernels;
using Guanxi.Torch.Kernels.Lanes;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed unsafe class LaneTests
{
    private static readonly float[] s_special =
    [
        0f, -0f, 1f, -1f, float.Epsilon, -float.Epsilon, 1e-40f, float.MaxValue, float.MinValue,
        float.PositiveInfinity, float.NegativeInfinity, float.NaN, 65504f, 65519.996f, 65520f, 6.1035156e-5f, 6.097555e-5f, 5.9604645e-8f,
        2.9802322e-8f, 2.9802326e-8f, 1.0009766f, 1.0004883f,
    ];

    [Fact]
    public void Exp_is_within_one_unit_in_the_last_place_at_every_level()
    {
        var worst = 0.0;
        // From where the result ceases to be subnormal to where it becomes infinite.
        var points = Enumerable.Range(0, 4096).Select(i => (float)((i * 0.0429) - 87.33 + (i % 7 * 1e-3))).Where(x => x < 88.37f);
        foreach (var chunk in points.Chunk(16))
        {
            var results = SameAtEveryLevel(chunk, new ExpFunction());
            for (var i = 0; i < chunk.Length; i++)
            {
                var exact = Math.Exp(chunk[i]);
                var unit = Math.Max(MathF.BitIncrement((float)exact) - (double)(float)exact, float.Epsilon);
                worst = Math.Max(worst, Math.Abs(results[i] - exact) / unit);
            }
        }

        Assert.InRange(worst, 0.4, 1.0);
    }

    [Fact]
    public void Exp_treats_the_ends_of_the_line_as_the_mathematics_does()
    {
        const float Infinity = float.PositiveInfinity;
        var results = SameAtEveryLevel([-Infinity, -1e30f, -87.69f, 0f, -0f, 88.8f, 1e30f, Infinity, float.NaN], new ExpFunction());
        KernelCheck.EqualBits([0, 0, 0, 1, 1, Infinity, Infinity, Infinity, float.NaN], results.AsSpan(0, 9), "exp");
    }

    [Theory]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float16)]
    public void Every_sixteen_bit_value_survives_the_way_to_single_and_back(DType dtype)
    {
        using var memory = new TestMemory();
        const int All = 1 << 16;
        var narrow = memory.Of<ushort>([.. Enumerable.Range(0, All).Select(i => (ushort)i)]);
        var wide = memory.New<float>(All);
        var again = memory.New<ushort>(All);
        Cast.Run(dtype, narrow, DType.Float32, wide, All);
        Cast.Run(DType.Float32, wide, dtype, again, All);
        for (var i = 0; i < All; i++)
        {
            var expected = dtype == DType.BFloat16 ? new BFloat16((ushort)i).ToSingle() : (float)BitConverter.UInt16BitsToHalf((ushort)i);
            Assert.True(expected.Equals(wide[i]), $"{i:X4}: expected {expected:R}, found {wide[i]:R}");
            Assert.True(float.IsNaN(expected) ? !IsNumber(dtype, again[i]) : again[i] == i, $"{i:X4} came back as {again[i]:X4}");
        }
    }

    [Theory]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float16)]
    public void Narrowing_rounds_to_nearest_even_at_every_level(DType dtype)
    {
        var random = new Random(5);
        // Bits drawn evenly: all magnitudes, subnormal and special ones too; and values halfway between two neighbours.
        float Drawn() => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue));
        var values = Enumerable.Range(0, 3001).Select(_ => Drawn()).ToList();
        values.AddRange(Enumerable.Range(0, 500).Select(i => BitConverter.Int32BitsToSingle((random.Next() & 0x7FFF0000) | 0x8000)));
        values.AddRange(Enumerable.Range(0, 500).Select(i => (float)BitConverter.UInt16BitsToHalf((ushort)i) + 2.9802322e-8f));
        values.AddRange(Enumerable.Range(0, 500).Select(i => 1f + (i * 0.00048828125f)));
        values.AddRange(s_special);
        values.Add(BitConverter.Int32BitsToSingle(0x7F800001)); // a signalling NaN whose upper half alone would be infinity
        var expected = values.Select(v => dtype == DType.BFloat16 ? BFloat16.FromSingle(v).ToSingle() : (float)(Half)v).ToArray();
        var found = KernelCheck.SameEverywhere(() =>
        {
            using var memory = new TestMemory();
            var narrow = memory.New(dtype, values.Count);
            Cast.Run(DType.Float32, memory.Of<float>([.. values]), dtype, narrow, values.Count);
            return TestMemory.Read(dtype, narrow, values.Count);
        });
        KernelCheck.EqualBits(expected, found, "rounded");
    }

    [Fact]
    public void Casts_between_the_two_narrow_types_go_through_single_precision()
    {
        using var memory = new TestMemory();
        var half = memory.Of(DType.Float16, [1.0009766f, 70000f, -3.1415f]);
        var brain = memory.New(DType.BFloat16, 3);
        Cast.Run(DType.Float16, half, DType.BFloat16, brain, 3);
        Assert.Equal([1f, float.PositiveInfinity, -3.140625f], TestMemory.Read(DType.BFloat16, brain, 3));
    }

    [Fact]
    public void Element_types_without_kernels_are_refused()
    {
        using var memory = new TestMemory();
        var value = (nint)memory.New<long>(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => Cast.Run(DType.Int64, (void*)value, DType.Float32, (void*)value, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Cast.Run(DType.Float32, (void*)value, DType.Float64, (void*)value, 1));
    }

    [Fact]
    public void Sum_and_largest_follow_one_tree_at_every_level()
    {
        var values = KernelCheck.Random(9, 16, 1e3);
        SameAtEveryLevel(values, new ReduceFunction());
        var sums = SameAtEveryLevel([.. Enumerable.Range(0, 16).Select(i => (float)i)], new ReduceFunction());
        Assert.Equal(120f, sums[0]);
        Assert.Equal(15f, sums[1]);
    }

    private static bool IsNumber(DType dtype, ushort bits) =>
        dtype == DType.BFloat16 ? !float.IsNaN(new BFloat16(bits).ToSingle()) : !Half.IsNaN(BitConverter.UInt16BitsToHalf(bits));

    private interface IFunction
    {
        TLane Apply<TLane>(TLane x)
            where TLane : struct, ILane<TLane>;
    }

    private readonly struct ExpFunction : IFunction
    {
        public TLane Apply<TLane>(TLane x)
            where TLane : struct, ILane<TLane> => Lane.Exp(x);
    }

    private readonly struct ReduceFunction : IFunction
    {
        public TLane Apply<TLane>(TLane x)
            where TLane : struct, ILane<TLane> =>
            TLane.Select(Lane.FirstCells<TLane>(1), TLane.Create(TLane.Sum(x)), TLane.Create(TLane.Largest(x)));
    }

    private static float[] SameAtEveryLevel<TFunction>(float[] values, TFunction function)
        where TFunction : struct, IFunction
    {
        var padded = new float[Lane.Width];
        values.CopyTo(padded, 0);
        var scalar = Apply<LaneScalar, TFunction>(padded, function);
        KernelCheck.EqualBits(scalar, Apply<Lane256, TFunction>(padded, function), "256");
        KernelCheck.EqualBits(scalar, Apply<Lane512, TFunction>(padded, function), "512");
        return scalar;
    }

    private static float[] Apply<TLane, TFunction>(float[] values, TFunction function)
        where TLane : struct, ILane<TLane>
        where TFunction : struct, IFunction
    {
        var results = new float[Lane.Width];
        fixed (float* from = values)
        fixed (float* to = results)
        {
            TLane.Store(function.Apply(TLane.Load(from)), to);
        }

        return results;
    }
}
