using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Benchmarks;
using Xunit;

namespace Guanxi.Transformers.Tests.Benchmarks;

public sealed class DecodeBenchmarkTests
{
    private static readonly DecoderShape s_tiny = DecoderShape.Find("tiny");

    [Theory]
    [InlineData(null, "nf4")]
    [InlineData(DType.BFloat16, "bf16")]
    public void A_benchmark_runs_and_its_figures_agree_with_one_another(DType? stored, string name)
    {
        using var leaks = new LeakCheck();
        using var benchmark = new DecodeBenchmark(
            new DecodeBenchmarkOptions { Shape = s_tiny, StorageType = stored, Tokens = 8 }, TimeProvider.System);

        var result = benchmark.Run();

        // 4 matrices of 128 x 128 and 3 of 128 x 256 a layer, and the head.
        var (blocks, head) = (2.0 * ((4 * 128 * 128) + (3 * 128 * 256)), 300.0 * 128);
        Assert.Equal(stored is null ? (blocks * (0.5 + (1.015625 / 64))) + (2 * head) : 2 * (blocks + head), result.WeightBytes, 6);
        Assert.Equal(result.WeightBytes * result.TokensPerSecond, result.WeightBytesPerSecond, 0.001 * result.WeightBytesPerSecond);
        Assert.Equal(name, result.ToJson()["weights"]!.GetValue<string>());
    }
}
