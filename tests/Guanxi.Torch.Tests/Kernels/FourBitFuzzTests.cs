using Guanxi.TestKit;
using Guanxi.Torch.Kernels;
using Guanxi.Torch.Kernels.Quantisation;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

/// <summary>
/// Random weights of every kind, sizes of any remainder: bytes and bits are those of the rule written out, at every level.
/// </summary>
[Collection(KernelCheck.Collection)]
public sealed unsafe class FourBitFuzzTests
{
    private const int Block = 64;
    private const float SmallestScale = 1e-38f;

    [Theory]
    [InlineData(FourBitKind.Nf4)]
    [InlineData(FourBitKind.Fp4)]
    public void Every_byte_is_two_values_of_the_table_times_any_maximum(FourBitKind kind)
    {
        var random = new Random(31);
        var code = FourBitCode.Of(kind);
        for (var round = LongTests.Count(20, 2_000); round > 0; round--)
        {
            var packed = Enumerable.Range(0, 256).Select(i => (byte)i).ToArray();
            random.Shuffle(packed);
            var maxima = Enumerable.Range(0, packed.Length * 2 / Block).Select(_ => Math.Abs(Any(random))).ToArray();
            var expected = packed.SelectMany(pair => new[] { pair >> 4, pair & 15 })
                .Select((number, i) => code.Values[number] * maxima[i / Block]).ToArray();

            KernelCheck.SameEverywhere(() =>
            {
                using var memory = new TestMemory();
                var weights = new FourBitWeights
                {
                    Packed = memory.Of<byte>(packed), Table = code.Pinned, BlockSize = Block, Absmax = memory.Of<float>(maxima),
                };
                var target = memory.New<float>(expected.Length);
                FourBit.Dequantize(weights, 0, expected.Length, DType.Float32, target);
                var values = TestMemory.Read(target, expected.Length);
                KernelCheck.EqualBits(expected, values, $"{kind}");
                return values;
            });
        }
    }

    [Theory]
    [InlineData(FourBitKind.Nf4)]
    [InlineData(FourBitKind.Fp4)]
    public void Weights_of_every_size_are_quantised_by_the_rule(FourBitKind kind)
    {
        var random = new Random(32);
        for (var round = LongTests.Count(60, 5_000); round > 0; round--)
        {
            var count = random.Next(1, 500);
            var (same, single) = (random.Next(3) == 0, Any(random));
            var source = Enumerable.Range(0, count).Select(_ => same ? single * random.Next(-1, 2) : Any(random)).ToArray();
            var (expected, expectedMaxima) = ByRule(FourBitCode.Of(kind), source);
            foreach (var level in Enum.GetValues<KernelLevel>())
            {
                using var forced = KernelLevels.Force(level);
                using var memory = new TestMemory();
                var packed = memory.New<byte>(expected.Length);
                var maxima = memory.New<float>(expectedMaxima.Length);

                var bad = FourBit.Quantize(FourBitCode.Of(kind), DType.Float32, memory.Of<float>(source), count, Block, packed, maxima);

                Assert.Equal(-1, bad);
                Assert.Equal(expected, TestMemory.Read(packed, expected.Length));
                KernelCheck.EqualBits(expectedMaxima, TestMemory.Read(maxima, expectedMaxima.Length),
                    $"{kind} at {level}, {count} weights");
            }
        }
    }

    private static (byte[] Packed, float[] Maxima) ByRule(FourBitCode code, float[] source)
    {
        var order = Enumerable.Range(0, FourBitCode.Count).OrderBy(number => code.Values[number]).ToArray();
        var middles = order.Zip(order.Skip(1), (low, high) => (code.Values[low] + code.Values[high]) / 2).ToArray();
        var (numbers, maxima) = (new List<int>(), new List<float>());
        foreach (var block in source.Chunk(Block))
        {
            var largest = block.Max(Math.Abs);
            var scale = Math.Max(largest, SmallestScale);
            var isFull = block.Length == Block;
            maxima.Add(isFull ? largest : scale);
            numbers.AddRange(block
                .Select(x => isFull ? x * (1 / scale) : x / scale)
                .Select(x => order[middles.Count(middle => x > middle)]));
        }

        if (numbers.Count % 2 != 0)
        {
            numbers.Add(order[middles.Count(middle => 0 > middle)]);
        }

        return ([.. numbers.Chunk(2).Select(pair => (byte)((pair[0] << 4) | pair[1]))], [.. maxima]);
    }

    // Ordinary weights as a rule; zeros of both signs, subnormal and huge numbers among them.
    private static float Any(Random random) => random.Next(12) switch
    {
        0 => 0f,
        1 => -0f,
        2 => BitConverter.UInt32BitsToSingle((uint)random.Next(1, 0x7FFFFF)),
        3 => -3.4e38f * random.NextSingle(),
        4 => 1e-38f * random.NextSingle(),
        _ => (random.NextSingle() * 2) - 1,
    };
}
