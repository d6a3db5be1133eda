using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Benchmarks;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tests.Models;
using Xunit;

namespace Guanxi.Transformers.Tests.Benchmarks;

public sealed class ServeBenchmarkTests
{
    private static readonly DecoderShape s_tiny = DecoderShape.Find("tiny");

    [Theory]
    [InlineData(null, "nf4")]
    [InlineData(DType.Float32, "fp32")]
    public void A_benchmark_runs_and_its_figures_agree_with_one_another(DType? stored, string name)
    {
        using var leaks = new LeakCheck();
        using var benchmark = new ServeBenchmark(
            new ServeBenchmarkOptions { Shape = s_tiny, StorageType = stored, Requests = 4, Limit = TimeSpan.FromSeconds(2) }, TimeProvider.System);

        var result = benchmark.Run(_ => { });

        // Of the last layer only keys and values are needed for all 64 tokens, the rest and the head for one.
        double square = 128 * 128, wide = 128 * 256;
        var needed = 2 * ((64 * ((4 * square) + (3 * wide))) + (64 * 2 * square) + (2 * square) + (3 * wide) + (300 * 128));
        Assert.Equal(needed, result.Operations);
        Assert.Equal([55, 130, 512], result.Prefills.Select(prefill => prefill.Tokens));
        Assert.True(result.Percentile(0.5) <= result.Percentile(0.9) && result.Percentile(0.9) <= result.Percentile(0.99));
        Assert.Equal(0.020 + (needed / (0.65 * result.PeakOperationsPerSecond)), result.GoalSeconds, 1e-9);
        var json = result.ToJson();
        Assert.Equal(("serve", "tiny", name), (json["case"]!.GetValue<string>(), json["shape"]!.GetValue<string>(), json["weights"]!.GetValue<string>()));
        Assert.Equal(json["gflops"]!.GetValue<double>() / json["peak_gflops"]!.GetValue<double>(), json["peak_share"]!.GetValue<double>(), 1e-9);
        Assert.All((string[])["p50_ms", "p90_ms", "p99_ms", "requests_per_second", "rss_peak_bytes"], key => Assert.NotNull(json[key]));
    }

    [Fact]
    public void An_encoder_answers_too_and_its_goal_is_a_time_in_proportion_to_the_peak()
    {
        using var leaks = new LeakCheck();
        var shape = new EncoderShape("tiny", TinyEncoder.Config with { MaxPositions = 128, Head = EncoderHead.EntityPair, Labels = ["a", "b", "c"] });
        using var benchmark = new ServeBenchmark(new ServeBenchmarkOptions { Shape = shape, Requests = 4, Limit = TimeSpan.FromSeconds(2) }, TimeProvider.System);

        var result = benchmark.Run(_ => { });

        Assert.Equal([128], result.Prefills.Select(prefill => prefill.Tokens));
        Assert.Equal(36e9 / result.PeakOperationsPerSecond, result.GoalSeconds, 1e-9);
        Assert.Equal(OperationCount.OfEncoder(shape.Config, 64).Forward, result.Operations);
        Assert.Equal("fp32", result.ToJson()["weights"]!.GetValue<string>());
    }
}
