using Guanxi.TestKit;
using Guanxi.Torch.Kernels;
using Guanxi.Torch.Kernels.Quantisation;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed unsafe class FourBitTests
{
    private static readonly KernelLevel[] s_levels = Enum.GetValues<KernelLevel>();

    [GoldenTheory("golden/quant")]
    [InlineData("nf4")]
    [InlineData("fp4")]
    public void Packed_bytes_and_maxima_equal_those_of_bitsandbytes(string kind)
    {
        var golden = new GoldenTensors($"quant/{kind}/tensors.safetensors");
        var inputs = Inputs(golden);
        Assert.True(inputs.Count > 60);
        foreach (var level in s_levels)
        {
            using var forced = KernelLevels.Force(level);
            foreach (var name in inputs)
            {
                var (packed, absmax) = Quantize(Code(kind), golden.Type(name + ".input"), golden.Bytes(name + ".input"));
                Assert.Equal(golden.Bytes(name + ".packed"), packed);
                KernelCheck.EqualBits(golden.Floats(name + ".absmax"), absmax, $"{name} at {level}");
            }
        }
    }

    [GoldenTheory("golden/quant")]
    [InlineData("nf4")]
    [InlineData("fp4")]
    [InlineData("nf4_double")]
    [InlineData("fp4_double")]
    public void Dequantised_bits_equal_those_of_bitsandbytes(string kind)
    {
        // The library decodes number 8 of fp4 to -0, though its own table, which checkpoints carry, has 0 there.
        float Zero(float value) => kind.StartsWith("fp4", StringComparison.Ordinal) && value == 0f ? 0f : value;
        var golden = new GoldenTensors($"quant/{kind}/tensors.safetensors");
        foreach (var level in s_levels)
        {
            using var forced = KernelLevels.Force(level);
            foreach (var name in Inputs(golden))
            {
                foreach (var (suffix, dtype) in new[] { ("fp32", DType.Float32), ("bf16", DType.BFloat16), ("fp16", DType.Float16) })
                {
                    using var memory = new TestMemory();
                    var expected = golden.Bytes($"{name}.dequantised_{suffix}");
                    var count = expected.Length / dtype.SizeInBytes();
                    var target = memory.New(dtype, count);
                    FourBit.Dequantize(Stored(memory, golden, name, kind), 0, count, dtype, target);
                    KernelCheck.EqualBits(
                        Values(dtype, expected).Select(Zero).ToArray(),
                        TestMemory.Read(dtype, target, count).Select(Zero).ToArray(),
                        $"{name} to {suffix} at {level}");
                }
            }
        }
    }

    [GoldenTheory("golden/quant")]
    [InlineData("nf4_double")]
    [InlineData("fp4_double")]
    public void Maxima_are_quantised_to_the_nearest_code(string kind)
    {
        var golden = new GoldenTensors($"quant/{kind}/tensors.safetensors");
        foreach (var name in Inputs(golden))
        {
            var (packed, absmax) = Quantize(Code(kind[..3]), golden.Type(name + ".input"), golden.Bytes(name + ".input"));
            Assert.Equal(golden.Bytes(name + ".packed"), packed);
            KernelCheck.EqualBits(golden.Floats(name + ".absmax_exact"), absmax, name);

            using var memory = new TestMemory();
            var maxima = memory.Of<float>(absmax);
            var codes = memory.New<byte>(absmax.Length);
            var nested = memory.New<float>((absmax.Length + 255) / 256);
            EightBit.QuantizeMaxima(maxima, absmax.Length, golden.Floats(name + ".offset")[0], codes, nested);
            Assert.Equal(golden.Bytes(name + ".absmax_codes_nearest"), TestMemory.Read(codes, absmax.Length));
            KernelCheck.EqualBits(golden.Floats(name + ".nested_absmax"), TestMemory.Read(nested, (absmax.Length + 255) / 256), name);

            absmax.CopyTo(new Span<float>(maxima, absmax.Length));
            var offset = EightBit.QuantizeMaxima(maxima, absmax.Length, codes, nested);
            // The mean is summed in another order than the library's: two units in the last place.
            Assert.Equal(golden.Floats(name + ".offset")[0], offset, golden.Floats(name + ".offset")[0] * Math.Pow(2, -22));
        }
    }

    [GoldenFact("golden/quant")]
    public void Tables_have_the_bits_of_bitsandbytes()
    {
        var golden = new GoldenTensors("quant/tables/tables.safetensors");
        KernelCheck.EqualBits(golden.Floats("nf4"), FourBitCode.Nf4.Values, "nf4");
        KernelCheck.EqualBits(golden.Floats("fp4"), FourBitCode.Fp4.Values, "fp4");
        KernelCheck.EqualBits(golden.Floats("dynamic_signed"), DynamicMap.Signed, "dynamic, signed");
        KernelCheck.EqualBits(golden.Floats("dynamic_unsigned"), DynamicMap.Unsigned, "dynamic, unsigned");
    }

    [GoldenFact("golden/quant")]
    public void Eight_bit_codes_are_the_nearest_and_dequantise_to_the_same_bits()
    {
        var golden = new GoldenTensors("quant/int8_blockwise/tensors.safetensors");
        foreach (var name in Inputs(golden))
        {
            using var memory = new TestMemory();
            var x = Values(golden.Type(name + ".input"), golden.Bytes(name + ".input"));
            var codes = memory.New<byte>(x.Length);
            var absmax = memory.New<float>((x.Length + 255) / 256);
            EightBit.Quantize(CodeSearch.Signed, memory.Of<float>(x), x.Length, codes, absmax);
            Assert.Equal(golden.Bytes(name + ".codes_nearest"), TestMemory.Read(codes, x.Length));
            KernelCheck.EqualBits(golden.Floats(name + ".absmax"), TestMemory.Read(absmax, (x.Length + 255) / 256), name);

            var read = golden.Bytes(name + ".codes")
                .Select((code, i) => DynamicMap.Signed[code] * absmax[i / EightBit.BlockSize]).ToArray();
            var dtype = golden.Type(name + ".dequantised");
            KernelCheck.EqualBits(
                Values(dtype, golden.Bytes(name + ".dequantised")), KernelCheck.Rounded(dtype, read), name);
        }
    }

    [Fact]
    public void A_range_of_elements_dequantises_as_the_whole_does()
    {
        const int Count = 1000;
        using var memory = new TestMemory();
        var (packed, absmax) = Quantize(FourBitCode.Nf4, DType.Float32, Bytes(KernelCheck.Random(1, Count)));
        var weights = Weights(memory, FourBitCode.Nf4, packed, absmax);
        foreach (var dtype in KernelCheck.DTypes)
        {
            var whole = memory.New(dtype, Count);
            FourBit.Dequantize(weights, 0, Count, dtype, whole);
            foreach (var (first, count) in new[] { (0, 64), (64, 128), (1, 5), (63, 2), (100, 900), (7, 700), (999, 1), (500, 0) })
            {
                KernelCheck.SameEverywhere(() =>
                {
                    using var inner = new TestMemory();
                    var part = inner.New(dtype, count);
                    FourBit.Dequantize(weights, first, count, dtype, part);
                    var values = TestMemory.Read(dtype, part, count);
                    KernelCheck.EqualBits(TestMemory.Read(dtype, whole, Count).AsSpan(first, count), values, $"[{first}, {first + count})");
                    return values;
                });
            }
        }
    }

    [Fact]
    public void Rows_dequantise_as_the_whole_does_with_larger_blocks_too()
    {
        const int Columns = 176;
        const int Rows = 9;
        using var memory = new TestMemory();
        var source = memory.Of<float>(KernelCheck.Random(2, Rows * Columns));
        foreach (var blockSize in new[] { 64, 128, 256 })
        {
            var packed = memory.New<byte>(Rows * Columns / 2);
            var absmax = memory.New<float>(((Rows * Columns) + blockSize - 1) / blockSize);
            Assert.Equal(-1, FourBit.Quantize(FourBitCode.Nf4, DType.Float32, source, Rows * Columns, blockSize, packed, absmax));
            var weights = new FourBitWeights
            {
                Packed = packed, Table = memory.Of<float>(FourBitCode.Nf4.Values), BlockSize = blockSize, Absmax = absmax,
            };
            var all = memory.New<float>(Rows * Columns);
            FourBit.Dequantize(weights, 0, Rows * Columns, DType.Float32, all);
            var middle = memory.New<float>(3 * Columns);
            FourBit.Dequantize(weights, 4 * Columns, 3 * Columns, DType.Float32, middle);
            KernelCheck.EqualBits(new(all + (4 * Columns), 3 * Columns), new(middle, 3 * Columns), $"block {blockSize}");
            for (var i = 0; i < Rows * Columns; i++)
            {
                // The widest gap of the table is 0.304 of the block's maximum.
                Assert.True(Math.Abs(source[i] - all[i]) <= 0.1521f * absmax[i / blockSize]);
            }
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void The_first_weight_that_is_no_number_is_reported(float bad)
    {
        foreach (var level in s_levels)
        {
            using var forced = KernelLevels.Force(level);
            foreach (var dtype in KernelCheck.DTypes)
            {
                foreach (var (first, second) in new[] { (0, 300), (130, 131), (64, 999), (998, 999) })
                {
                    using var memory = new TestMemory();
                    var x = KernelCheck.Random(3, 1000);
                    x[first] = x[second] = bad;
                    var found = FourBit.Quantize(
                        FourBitCode.Nf4, dtype, memory.Of(dtype, x), x.Length, 64, memory.New<byte>(500), memory.New<float>(16));
                    Assert.Equal(first, found);
                }
            }
        }
    }

    [Fact]
    public void A_block_size_that_no_group_of_64_fits_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => FourBit.Quantize(FourBitCode.Nf4, DType.Float32, null, 0, 96, null, null));

    private static FourBitCode Code(string kind) => kind == "nf4" ? FourBitCode.Nf4 : FourBitCode.Fp4;

    private static List<string> Inputs(GoldenTensors golden) =>
        [.. golden.Names.Where(name => name.EndsWith(".input", StringComparison.Ordinal)).Select(name => name[..^".input".Length])];

    private static (byte[] Packed, float[] Absmax) Quantize(FourBitCode code, DType dtype, byte[] input)
    {
        using var memory = new TestMemory();
        var count = input.Length / dtype.SizeInBytes();
        var packed = memory.New<byte>((count + 1) / 2);
        var absmax = memory.New<float>((count + 63) / 64);
        Assert.Equal(-1, FourBit.Quantize(code, dtype, memory.Of<byte>(input), count, 64, packed, absmax));
        return (TestMemory.Read(packed, (count + 1) / 2), TestMemory.Read(absmax, (count + 63) / 64));
    }

    private static FourBitWeights Weights(TestMemory memory, FourBitCode code, byte[] packed, float[] absmax) => new()
    {
        Packed = memory.Of<byte>(packed), Table = memory.Of<float>(code.Values), BlockSize = 64, Absmax = memory.Of<float>(absmax),
    };

    private static FourBitWeights Stored(TestMemory memory, GoldenTensors golden, string name, string kind)
    {
        var code = Code(kind[..3]);
        if (golden.Has(name + ".absmax"))
        {
            return Weights(memory, code, golden.Bytes(name + ".packed"), golden.Floats(name + ".absmax"));
        }

        return new FourBitWeights
        {
            Packed = memory.Of<byte>(golden.Bytes(name + ".packed")),
            Table = memory.Of<float>(code.Values),
            BlockSize = 64,
            AbsmaxCodes = memory.Of<byte>(golden.Bytes(name + ".absmax_codes")),
            NestedAbsmax = memory.Of<float>(golden.Floats(name + ".nested_absmax")),
            NestedMap = memory.Of<float>(DynamicMap.Signed),
            NestedOffset = golden.Floats(name + ".offset")[0],
        };
    }

    private static byte[] Bytes(float[] values) => System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()).ToArray();

    private static float[] Values(DType dtype, byte[] bytes)
    {
        using var memory = new TestMemory();
        return TestMemory.Read(dtype, memory.Of<byte>(bytes), bytes.Length / dtype.SizeInBytes());
    }
}
