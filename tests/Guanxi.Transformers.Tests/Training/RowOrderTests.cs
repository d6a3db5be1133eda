using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

public sealed class RowOrderTests
{
    [GoldenFact("golden/training/row_order")]
    public void The_generator_gives_the_numbers_of_the_reference()
    {
        var expected = Golden.Json("training/row_order/case.json").GetProperty("mt19937_seed42_first_uint32");
        var random = new MersenneTwister(42);
        var drawn = Enumerable.Range(0, 16).Select(_ => random.NextUInt32());
        Assert.Equal(expected.EnumerateArray().Select(number => number.GetUInt32()), drawn);
    }

    [GoldenFact("golden/training/row_order")]
    public void Orders_and_the_batches_of_two_ranks_equal_the_reference()
    {
        var (orders, batches) = (0, 0);
        foreach (var (name, values) in GoldenIntegers())
        {
            var facts = name.Split('.').ToDictionary(part => part.TrimEnd("0123456789".ToCharArray()));
            int Fact(string key) => int.Parse(facts[key].AsSpan(key.Length));
            var order = RowOrder.OfEpoch(Fact("n"), Fact("seed"), Fact("epoch"));
            if (facts.ContainsKey("rank"))
            {
                Assert.Equal(values, RowOrder.Batches(order, Fact("batch"), Fact("rank"), Fact("ddp")).SelectMany(batch => batch));
                batches++;
            }
            else
            {
                Assert.Equal(values, order);
                orders++;
            }
        }

        Assert.Equal((12, 6), (orders, batches));
    }

    [Fact]
    public void Only_the_low_half_of_a_seed_counts()
    {
        Assert.Equal(RowOrder.Permutation(50, 7), RowOrder.Permutation(50, 7 + (1L << 32)));
        Assert.NotEqual(RowOrder.Permutation(50, 7), RowOrder.Permutation(50, 8));
        Assert.Equal(Enumerable.Range(0, 50), RowOrder.Permutation(50, 7).Order());
        Assert.Empty(RowOrder.Permutation(0, 7));
    }

    [Fact]
    public void One_rank_keeps_a_short_last_batch()
    {
        var batches = RowOrder.Batches([4, 2, 0, 1, 3], batchSize: 2, rank: 0, worldSize: 1);
        int[][] expected = [[4, 2], [0, 1], [3]];
        Assert.Equal(expected, batches);
        Assert.Empty(RowOrder.Batches([], 2, 1, 2));
    }

    [Theory]
    [InlineData(1, 4, 3)]
    [InlineData(5, 2, 2)]
    [InlineData(6, 2, 2)]
    [InlineData(16, 4, 4)]
    [InlineData(17, 4, 4)]
    public void Ranks_get_equally_many_full_batches_and_together_every_row(int rows, int batchSize, int worldSize)
    {
        var order = RowOrder.OfEpoch(rows, 42, 0);
        var dealt = Enumerable.Range(0, worldSize).Select(rank => RowOrder.Batches(order, batchSize, rank, worldSize)).ToArray();
        Assert.Single(dealt.Select(batches => batches.Length).Distinct());
        Assert.All(dealt.SelectMany(batches => batches), batch => Assert.Equal(batchSize, batch.Length));

        // Read across the ranks, the batches are the order, continued from its start.
        var across = Enumerable.Range(0, dealt[0].Length).SelectMany(i => dealt.SelectMany(batches => batches[i])).ToArray();
        Assert.Equal(Enumerable.Range(0, across.Length).Select(i => order[i % rows]), across);
        Assert.InRange(across.Length, rows, rows + (batchSize * worldSize) - 1);
    }

    [Fact]
    public void A_rank_outside_the_world_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => RowOrder.Batches([1], 1, 2, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => RowOrder.Batches([1], 0, 0, 1));
    }

    /// <summary>The int32 tensors of the golden file: a header length, a JSON header, data.</summary>
    private static IEnumerable<(string Name, int[] Values)> GoldenIntegers()
    {
        var file = File.ReadAllBytes(Golden.Locate("training/row_order/orders.safetensors"));
        var header = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        using var document = JsonDocument.Parse(file.AsMemory(8, header));
        foreach (var tensor in document.RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__"))
        {
            Assert.Equal("I32", tensor.Value.GetProperty("dtype").GetString());
            var offsets = tensor.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt32()).ToArray();
            yield return (tensor.Name, MemoryMarshal.Cast<byte, int>(file.AsSpan(8 + header)[offsets[0]..offsets[1]]).ToArray());
        }
    }
}
