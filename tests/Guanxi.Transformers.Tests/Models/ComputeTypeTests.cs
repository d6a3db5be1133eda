using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Xunit;

namespace Guanxi.Transformers.Tests.Models;

public sealed class ComputeTypeTests
{
    [Theory]
    [InlineData(5, 2, DType.BFloat16, "in bf16: a measured product took 2.00 ms in bf16, 5.00 ms in fp32")]
    [InlineData(2, 5, DType.BFloat16, "in bf16: a measured product took 5.00 ms in bf16, 2.00 ms in fp32")]
    [InlineData(2, 80, DType.Float32, "in fp32: a measured product took 80.00 ms in bf16, 2.00 ms in fp32")]
    public void Bf16_is_chosen_where_the_processor_has_it_unless_libtorch_does_not_use_it(int single, int half, DType expected, string line)
    {
        TimeSpan Measured(DType dtype) => TimeSpan.FromMilliseconds(dtype == DType.Float32 ? single : half);

        var chosen = ComputeType.Choose("auto", true, Measured, out var why);

        Assert.Equal(expected, chosen);
        Assert.Equal($"computing {line}", why);
    }

    [Fact]
    public void Without_bf16_products_nothing_is_measured_and_fp32_is_chosen()
    {
        var chosen = ComputeType.Choose("auto", false, _ => throw new InvalidOperationException("measured"), out var why);

        Assert.Equal(DType.Float32, chosen);
        Assert.Contains("no bf16 products", why, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fp32", DType.Float32)]
    [InlineData("bf16", DType.BFloat16)]
    public void What_is_asked_for_is_taken(string requested, DType expected)
    {
        Assert.Equal(expected, ComputeType.Choose(requested, Device.Cpu, TimeProvider.System, out var why));
        Assert.Contains(requested, why, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_word_is_refused()
    {
        var error = Assert.Throws<OptionsException>(() => ComputeType.Choose("fp16", Device.Cpu, TimeProvider.System, out _));

        Assert.Equal("dtype: unknown compute type; expected auto, fp32 or bf16; found 'fp16'", error.Message);
    }

    [Theory]
    [InlineData("processor\t: 0\nflags\t\t: fpu avx2 avx512_bf16 sse\n", true)]
    [InlineData("flags\t\t: fpu amx_bf16", true)]
    [InlineData("flags\t\t: fpu avx2 avx512_bf16x\nbugs\t: avx512_bf16\n", false)]
    public void The_processor_is_asked_by_its_flags(string text, bool expected) => Assert.Equal(expected, ComputeType.HasFlag(text));

    [Fact]
    public void This_processor_is_measured_without_leaving_anything()
    {
        using var leaks = new LeakCheck();

        var chosen = ComputeType.Choose("auto", Device.Cpu, TimeProvider.System, out var why);

        Assert.Contains(chosen == DType.Float32 ? "fp32" : "bf16", why, StringComparison.Ordinal);
        var processor = File.Exists("/proc/cpuinfo") ? File.ReadAllText("/proc/cpuinfo") : string.Empty;
        Assert.True(ComputeType.HasFlag(processor) || chosen == DType.Float32, why);
    }
}
