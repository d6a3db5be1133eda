using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Torch.Tests;

public sealed class GgmlBlocksTests
{
    public static TheoryData<GgmlType> Types => [.. Enum.GetValues<GgmlType>().Where(type => GgmlBlocks.PlainTypeOf(type) is null)];

    [Theory]
    [MemberData(nameof(Types))]
    public void Blocks_stand_for_the_numbers_of_the_description_bit_for_bit(GgmlType type)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var golden = Golden.Json("gguf/blocks.json").GetProperty($"{type}");
        var blocks = Convert.FromHexString(golden.GetProperty("blocks").GetString()!);
        var expected = MemoryMarshal.Cast<byte, float>(Convert.FromHexString(golden.GetProperty("values").GetString()!)).ToArray();

        // A block that stands in front: what is read begins at an offset.
        var values = Read([.. new byte[7], .. blocks], 7, type, expected.Length);

        Assert.Equal(expected.Select(BitConverter.SingleToInt32Bits), values.Select(BitConverter.SingleToInt32Bits));
        Assert.Equal(blocks.Length, expected.Length / GgmlBlocks.ElementsOf(type) * GgmlBlocks.BytesOf(type));
    }

    [Theory]
    [InlineData(GgmlType.Q8_0, 0.51 / 127)]
    [InlineData(GgmlType.Q4_0, 1.01 / 8)]
    public void What_is_written_is_as_near_as_the_code_allows(GgmlType type, double share)
    {
        // Half a step of the scale, which itself is rounded to eleven bits; the largest positive element of Q4_0 has no code of its own.
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        TorchRuntime.Seed(4);
        var source = Tensor.Empty([64, 96], DType.Float32, Device.Cpu).NormalInPlace(0, 1);
        var values = source.ToArray<float>();
        values.AsSpan(0, 32).Clear();

        var written = GgmlBlocks.Quantize(Tensor.From<float>(values, 64, 96), type).ToArray<byte>();
        var read = Read(written, 0, type, values.Length);

        Assert.All(read[..32], value => Assert.Equal(0, value));
        foreach (var (expected, found) in values.Chunk(32).Zip(read.Chunk(32)))
        {
            var largest = expected.Max(Math.Abs);
            Close.Assert(expected, found, (share + 0.0005) * largest, $"{type}");
        }

        // Codes are whole numbers of the scale that was written: what was read is written again as the same bytes.
        if (type == GgmlType.Q8_0)
        {
            Assert.Equal(written, GgmlBlocks.Quantize(Tensor.From<float>(read, 64, 96), type).ToArray<byte>());
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(1e30f)]
    public void What_no_scale_can_hold_is_refused(float bad)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var values = new float[128];
        values[70] = bad;

        var error = Assert.Throws<TorchException>(() => GgmlBlocks.Quantize(Tensor.From<float>(values, 128), GgmlType.Q8_0));

        Assert.Contains("elements from 64 on", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => GgmlBlocks.Quantize(Tensor.From<float>(values, 128), GgmlType.Q6_K));
    }

    [Fact]
    public void A_tensor_outside_its_file_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Read(new byte[100], 1 << 16, GgmlType.Q8_0, 32));

    [Fact]
    public void What_is_no_row_of_whole_blocks_of_single_precision_is_refused()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var source = Tensor.Zeros([4, 64], DType.Float32, Device.Cpu);
        Assert.Contains("Float32[4, 64]", Refused(source.To(DType.Float64)), StringComparison.Ordinal);
        Assert.Contains("strided", Refused(source.Transpose(0, 1)), StringComparison.Ordinal);
        Assert.Contains("blocks of 32 elements, found [4, 48]", Refused(source.Narrow(1, 0, 48).Contiguous()), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Read(new byte[100], 0, GgmlType.Q8_0, 48));
        Assert.Throws<ArgumentOutOfRangeException>(() => Read(new byte[1000], 0, GgmlType.BF16, 256));

        string Refused(Tensor tensor) => Assert.Throws<ArgumentException>(() => GgmlBlocks.Quantize(tensor, GgmlType.Q8_0)).Message;
    }

    private static float[] Read(byte[] bytes, long offset, GgmlType type, long count)
    {
        using var scope = TensorScope.Enter();
        using var map = MemoryMappedFile.CreateNew(null, bytes.Length);
        using var view = map.CreateViewAccessor(0, bytes.Length);
        view.WriteArray(0, bytes, 0, bytes.Length);
        return GgmlBlocks.Dequantize(view.SafeMemoryMappedViewHandle, offset, type, count).ToArray<float>();
    }
}
