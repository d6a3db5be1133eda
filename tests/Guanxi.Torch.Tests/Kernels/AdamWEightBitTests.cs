using Guanxi.Torch.Kernels;
using Guanxi.Torch.Kernels.Quantisation;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed unsafe class AdamWEightBitTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(300)]
    [InlineData(20_001)]
    public void Steps_are_those_of_the_formula_with_moments_coded_in_between(int count)
    {
        var start = KernelCheck.Random(1, count);
        float[][] gradients = [KernelCheck.Random(2, count), KernelCheck.Random(3, count), KernelCheck.Random(4, count)];
        var found = KernelCheck.SameEverywhere(() => Run(start, gradients));

        var expected = start.Select(value => (double)value).ToArray();
        var (first, second) = (new double[count], new double[count]);
        for (var step = 1; step <= gradients.Length; step++)
        {
            for (var i = 0; i < count; i++)
            {
                var gradient = gradients[step - 1][i] * 0.5;
                first[i] = (0.9 * first[i]) + (0.1 * gradient);
                second[i] = (0.99 * second[i]) + (0.01 * gradient * gradient);
                var root = Math.Sqrt(second[i] / (1 - Math.Pow(0.99, step))) + 1e-8;
                expected[i] = (expected[i] * (1 - (1e-3 * 0.1))) - (1e-3 / (1 - Math.Pow(0.9, step)) * first[i] / root);
            }

            Recode(CodeSearch.Signed, DynamicMap.Signed, first);
            Recode(CodeSearch.Unsigned, DynamicMap.Unsigned, second);
        }

        // Three steps of at most a thousandth each. Rounding can bring a moment to the other side of a border between two codes, and then
        // moves a step by a part of itself.
        KernelCheck.Near(expected, found, 1e-3, "parameter");
        Assert.True(expected.Zip(found).Count(pair => Math.Abs(pair.First - pair.Second) > 1e-6) <= 2 + (count / 500));
    }

    [Fact]
    public void A_code_is_the_number_of_borders_below_its_value()
    {
        foreach (var (search, map) in new[] { (CodeSearch.Signed, DynamicMap.Signed), (CodeSearch.Unsigned, DynamicMap.Unsigned) })
        {
            var borders = map.Zip(map.Skip(1), (low, high) => (low + high) / 2).ToArray();
            float[] values =
            [
                .. borders, .. borders.Select(MathF.BitIncrement), .. borders.Select(MathF.BitDecrement), .. map, .. KernelCheck.Random(7, 5000), 0f, -0f, 2f, -2f,
                float.Epsilon, -float.Epsilon, float.MaxValue, float.MinValue,
            ];
            Assert.All(values, value => Assert.Equal(borders.Count(border => border < value), search.CodeOf(value)));
        }
    }

    private static float[] Run(float[] start, float[][] gradients)
    {
        using var memory = new TestMemory();
        var count = start.Length;
        var blocks = (count + EightBit.BlockSize - 1) / EightBit.BlockSize;
        var parameter = memory.Of<float>(start);
        var first = new EightBitMoment((nint)memory.Of<byte>(new byte[count]), (nint)memory.Of<float>(new float[blocks]));
        var second = new EightBitMoment((nint)memory.Of<byte>(new byte[count]), (nint)memory.Of<float>(new float[blocks]));
        for (var step = 1; step <= gradients.Length; step++)
        {
            var settings = new AdamWSettings(1e-3, 0.9, 0.99, 1e-8, 0.1, step, 0.5);
            AdamWEightBit.Run(parameter, memory.Of<float>(gradients[step - 1]), first, second, count, settings);
        }

        return TestMemory.Read(parameter, count);
    }

    private static void Recode(CodeSearch search, float[] map, double[] moment)
    {
        for (var start = 0; start < moment.Length; start += EightBit.BlockSize)
        {
            var block = moment.AsSpan(start, Math.Min(EightBit.BlockSize, moment.Length - start));
            var largest = 0.0;
            foreach (var value in block)
            {
                largest = Math.Max(largest, Math.Abs(value));
            }

            foreach (ref var value in block)
            {
                value = map[search.CodeOf((float)(value / largest))] * largest;
            }
        }
    }
}
