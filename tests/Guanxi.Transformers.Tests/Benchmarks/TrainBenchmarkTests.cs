using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Benchmarks;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tests.Models;
using Xunit;

namespace Guanxi.Transformers.Tests.Benchmarks;

public sealed class TrainBenchmarkTests
{
    private static readonly DecoderShape s_tiny = DecoderShape.Find("tiny");

    [Theory]
    [InlineData("0.44b", 439e6)]
    [InlineData("7b", 7.0e9)]
    [InlineData("13b", 13.3e9)]
    public void The_shapes_are_as_large_as_their_names_say(string name, double parameters) =>
        Assert.Equal(parameters, DecoderShape.Find(name).Config.ParameterCount, 0.01 * parameters);

    [Fact]
    public void An_unknown_shape_is_refused_with_the_known_ones() =>
        Assert.Contains("tiny-bert, bert-base, tiny, 0.44b, 7b, 13b", Assert.Throws<OptionsException>(() => BenchmarkShape.Find("70b")).Message, StringComparison.Ordinal);

    [Fact]
    public void Operations_of_one_layer_are_those_counted_by_hand()
    {
        // 7B: 4 matrices of 4096 x 4096 and 3 of 4096 x 11008, adapters of rank 64 beside each, 1040 tokens.
        const double Weights = (4.0 * 4096 * 4096) + (3.0 * 4096 * 11008);
        const double Adapters = 64 * ((4.0 * 8192) + (3.0 * 15104));

        var count = OperationCount.OfLayers(DecoderShape.Find("7b").Config, layers: 1, rank: 64, tokens: 1040);

        Assert.Equal(2 * 1040 * (Weights + Adapters), count.Forward);
        Assert.Equal(2 * 1040 * (Weights + (2 * Adapters)), count.Backward);
        Assert.Equal(count.Total * 3, OperationCount.OfLayers(DecoderShape.Find("7b").Config, 3, 64, 1040).Total);
    }

    [Fact]
    public void Of_the_last_layer_and_the_head_only_supervised_tokens_count()
    {
        var (config, tokens, learnt) = (s_tiny.Config, 100L, 6L);
        var all = OperationCount.OfModel(config, 8, tokens, tokens).Forward;

        var some = OperationCount.OfModel(config, 8, tokens, learnt).Forward;

        // All of the second layer's matrices but those of keys and values, and the head.
        var skipped = (2 * (128L * 128)) + (3 * (128L * 256)) + (8 * ((2 * 256) + (3 * 384))) + (300L * 128);
        Assert.Equal(2.0 * (tokens - learnt) * skipped, all - some);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(null)]
    public void A_benchmark_runs_and_its_figures_agree_with_one_another(int? layers)
    {
        using var leaks = new LeakCheck();
        var lines = new List<string>();
        using var benchmark = new TrainBenchmark(
            new TrainBenchmarkOptions { Shape = s_tiny, Layers = layers, Samples = 2, Budget = TimeSpan.Zero, Limit = TimeSpan.FromSeconds(1) },
            TimeProvider.System);

        var result = benchmark.Run(lines.Add);

        Assert.Equal(1 + result.Samples + result.DroppedSamples, lines.Count);
        Assert.Equal((8, 1040L, 1040L), (result.Examples, result.RealTokens, result.PaddedTokens));
        Assert.Equal(result.TokensPerSecond, 130 * result.ExamplesPerSecond, 6);
        Assert.InRange(result.PeakShare, 1e-6, 1.5);
        Assert.InRange(result.ForwardPeakShare, 1e-6, 1.5);
        Assert.InRange(result.BackwardPeakShare, 1e-6, 1.5);
        Assert.Equal("fp32", result.ToJson()["compute_dtype"]!.GetValue<string>());
        Assert.Equal(layers, (int?)result.ToJson()["layers"]);
    }

    [Fact]
    public void More_layers_than_the_shape_has_are_refused() =>
        Assert.Throws<OptionsException>(() => new TrainBenchmark(new TrainBenchmarkOptions { Shape = s_tiny, Layers = 3 }, TimeProvider.System));

    [Fact]
    public void A_step_of_an_encoder_is_measured_whole()
    {
        using var leaks = new LeakCheck();
        var shape = new EncoderShape("tiny", TinyEncoder.Config with { MaxPositions = 128, Head = EncoderHead.EntityPair, Labels = ["a", "b", "c"] });
        var options = new TrainBenchmarkOptions { Shape = shape, Samples = 2, Budget = TimeSpan.Zero, Limit = TimeSpan.FromSeconds(1) };
        using var benchmark = new TrainBenchmark(options, TimeProvider.System);

        var result = benchmark.Run(_ => { });

        Assert.Equal(("R-BERT", 16, 2048L, 2048L), (result.Kind, result.Examples, result.RealTokens, result.PaddedTokens));
        Assert.InRange(result.PeakShare, 1e-6, 1.5);

        // Two layers, each four matrices of 24 x 24 and two of 24 x 40; backward twice the forward pass.
        const double Forward = 2.0 * 2048 * 2 * ((4 * 24 * 24) + (2 * 24 * 40));
        Assert.Equal(new OperationCount(Forward, 2 * Forward), OperationCount.OfEncoder(shape.Config, 2048));
        Assert.Equal(2, Assert.Throws<OptionsException>(() => new TrainBenchmark(options with { Layers = 1, SharesPrefix = true }, TimeProvider.System)).Problems.Count);
    }
}
