using Guanxi.Torch.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed unsafe class FlatTests
{
    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void Squared_sum_has_the_same_bits_everywhere_and_is_right(DType dtype)
    {
        foreach (var count in new[] { 0, 1, 31, 4096, 4097, 50_003 })
        {
            var x = KernelCheck.Rounded(dtype, KernelCheck.Random(1, count));
            var found = KernelCheck.SameEverywhere(() =>
            {
                using var memory = new TestMemory();
                var sum = Flat.SquaredSum(dtype, memory.Of(dtype, x), count);
                return [(float)sum, (float)(sum - (float)sum)];
            });
            var expected = x.Sum(value => (double)value * value);
            // 256 additions in each running sum of a block, errors of half a unit each that mostly cancel.
            Assert.Equal(expected, (double)found[0] + found[1], (expected * 1e-6) + 1e-30);
        }
    }
}
