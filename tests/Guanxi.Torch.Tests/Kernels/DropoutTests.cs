using Guanxi.Torch.Kernels;
using Guanxi.Torch.Kernels.Lanes;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed unsafe class DropoutTests
{
    private static readonly DropoutMask s_mask = new(0x1234_5678_9ABC_DEF0, 17, 3, 42);

    // Known answers published with the authors' Random123 library.
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0ul, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(~0u, ~0u, ~0u, ~0u, ~0ul, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(
        0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0x299f31d0a4093822ul,
        0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Philox_gives_the_published_words(uint c0, uint c1, uint c2, uint c3, ulong key, uint w0, uint w1, uint w2, uint w3)
    {
        Assert.Equal([w0, w1, w2, w3], Words<LaneScalar>(c0, c1, c2, c3, key));
        Assert.Equal([w0, w1, w2, w3], Words<Lane256>(c0, c1, c2, c3, key));
        Assert.Equal([w0, w1, w2, w3], Words<Lane512>(c0, c1, c2, c3, key));
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void The_mask_is_the_same_at_every_level_and_for_any_number_of_threads(DType dtype)
    {
        foreach (var count in new[] { 1, 15, 128, 129, 300, 20_000 })
        {
            var x = KernelCheck.Rounded(dtype, KernelCheck.Random(1, count));
            KernelCheck.SameEverywhere(() => Run(dtype, x, 0.3, s_mask));
        }
    }

    [Fact]
    public void An_element_is_kept_scaled_or_is_zero_and_a_longer_array_begins_with_the_same_mask()
    {
        var x = Enumerable.Range(1, 5000).Select(i => (float)i).ToArray();
        var y = Run(DType.Float32, x, 0.2, s_mask);
        Assert.All(x.Zip(y), pair => Assert.True(pair.Second == 0f || pair.Second == pair.First * 1.25f));
        KernelCheck.EqualBits(y.AsSpan(0, 777), Run(DType.Float32, x[..777], 0.2, s_mask), "shorter");
    }

    [Fact]
    public void The_gradient_has_the_mask_of_the_forward_and_the_residual_is_added_whole()
    {
        const int Count = 8 * Dropout.Group;
        var x = KernelCheck.Random(2, Count);
        var residual = KernelCheck.Random(3, Count);
        var dropped = Run(DType.Float32, x, 0.5, s_mask);
        using var memory = new TestMemory();
        var sum = memory.Of<float>(x);
        Dropout.Groups<LaneScalar>(sum, memory.Of<float>(residual), sum, 0, Count, 0.5, s_mask);
        KernelCheck.EqualBits(dropped.Zip(residual, (a, b) => a + b).ToArray(), TestMemory.Read(sum, Count), "residual");
        var gradient = Run(DType.Float32, Enumerable.Repeat(1f, Count).ToArray(), 0.5, s_mask);
        for (var i = 0; i < Count; i++)
        {
            Assert.Equal(dropped[i] == 0f ? 0f : 2f, gradient[i]);
        }
    }

    [Theory]
    [InlineData(0.05)]
    [InlineData(0.1)]
    [InlineData(0.5)]
    public void The_rate_is_right_and_neighbours_sites_steps_and_seeds_are_independent(double probability)
    {
        const int Count = 200_000;
        var mask = Dropped(Count, probability, s_mask);
        // Five standard deviations of a binomial; of the number of pairs dropped together below.
        var spread = 5 * Math.Sqrt(Count * probability * (1 - probability));
        Assert.Equal(Count * probability, mask.Count(dropped => dropped), spread);

        var pairs = 5 * Math.Sqrt(Count) * probability;
        foreach (var lag in new[] { 1, 2, 8, 16, 32, 64, 128, 256, 4096 })
        {
            var together = Enumerable.Range(0, Count - lag).Count(i => mask[i] && mask[i + lag]);
            Assert.Equal((Count - lag) * probability * probability, together, pairs);
        }

        foreach (var other in new[]
        {
            s_mask with { Site = 43 }, s_mask with { Step = 18 }, s_mask with { MicroBatch = 4 }, s_mask with { Seed = s_mask.Seed + 1 },
        })
        {
            var second = Dropped(Count, probability, other);
            Assert.Equal(Count * probability * probability, mask.Zip(second).Count(pair => pair.First && pair.Second), pairs);
        }
    }

    [Fact]
    public void Probability_zero_changes_nothing_and_one_is_refused()
    {
        var x = KernelCheck.Random(4, 200);
        KernelCheck.EqualBits(x, Run(DType.Float32, x, 0, s_mask), "kept");
        foreach (var probability in new[] { 1.0, -0.1, double.NaN })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => Run(DType.Float32, x, probability, s_mask));
        }
    }

    private static bool[] Dropped(int count, double probability, DropoutMask mask) =>
        Array.ConvertAll(Run(DType.Float32, Enumerable.Repeat(1f, count).ToArray(), probability, mask), value => value == 0f);

    private static float[] Run(DType dtype, float[] x, double probability, DropoutMask mask)
    {
        using var memory = new TestMemory();
        var y = memory.New(dtype, x.Length);
        Dropout.Run(dtype, memory.Of(dtype, x), y, x.Length, probability, mask);
        return TestMemory.Read(dtype, y, x.Length);
    }

    private static uint[] Words<TLane>(uint c0, uint c1, uint c2, uint c3, ulong key)
        where TLane : struct, ILane<TLane>
    {
        static TLane Of(uint word) => TLane.CreateInt((int)word);
        var words = Philox.Sixteen(Of(c0), Of(c1), Of(c2), Of(c3), key);
        return [Last(words.Word0), Last(words.Word1), Last(words.Word2), Last(words.Word3)];
    }

    private static uint Last<TLane>(TLane lane)
        where TLane : struct, ILane<TLane>
    {
        var cells = stackalloc float[Lane.Width];
        TLane.Store(lane, cells);
        Assert.Equal(BitConverter.SingleToUInt32Bits(cells[0]), BitConverter.SingleToUInt32Bits(cells[Lane.Width - 1]));
        return BitConverter.SingleToUInt32Bits(cells[Lane.Width - 1]);
    }
}
