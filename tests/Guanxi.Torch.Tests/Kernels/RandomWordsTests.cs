using Guanxi.TestKit;
using Guanxi.Torch.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed unsafe class RandomWordsTests
{
    [Fact]
    public void Words_are_the_same_at_every_level_and_a_longer_draw_begins_with_a_shorter()
    {
        var mask = new DropoutMask(0x1234_5678_9ABC_DEF0, 17, 3, 42);
        var whole = KernelCheck.SameEverywhere(() => Draw(mask, 10_000));
        KernelCheck.EqualBits(whole.AsSpan(0, 777), Draw(mask, 777), "shorter");
        var words = Array.ConvertAll(whole, BitConverter.SingleToUInt32Bits);
        Assert.Empty(words.Intersect(Array.ConvertAll(Draw(mask with { Site = 43 }, 777), BitConverter.SingleToUInt32Bits)));

        // Two of 10,000 words are the same with a probability of 1.2 %; their mean stays within four standard errors.
        Assert.Equal(words.Length, words.Distinct().Count(), 1.0);
        Assert.Equal(0.5, words.Average(word => word / (double)uint.MaxValue), 4 / Math.Sqrt(12 * words.Length));
    }

    [Fact]
    public void Noise_lies_between_its_magnitudes_row_by_row()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var noise = Functional.UniformNoise(Tensor.From([0.5f, 0f, 2f], 3), 1000, new DropoutKey(1, 2, 3), site: 9);
        var rows = noise.ToArray<float>().Chunk(1000).ToArray();

        Assert.All(rows[1], value => Assert.Equal(0f, value));
        foreach (var (row, size) in new[] { (rows[0], 0.5), (rows[2], 2.0) })
        {
            Assert.InRange(row.Max(), 0.98 * size, size);
            Assert.InRange(row.Min(), -size, -0.98 * size);
        }
    }

    // As floats of the same bits: what the other kernels' checks compare.
    private static float[] Draw(DropoutMask mask, int count)
    {
        using var memory = new TestMemory();
        var groups = RandomWords.Groups(count);
        var words = memory.New<int>((int)RandomWords.WordsOf(groups));
        RandomWords.Run(words, groups, mask);
        return [.. TestMemory.Read(words, count).Select(BitConverter.Int32BitsToSingle)];
    }
}
