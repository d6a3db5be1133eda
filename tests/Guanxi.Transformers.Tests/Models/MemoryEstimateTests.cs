using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Benchmarks;
using Guanxi.Transformers.Models;
using Xunit;

namespace Guanxi.Transformers.Tests.Models;

/// <summary>Estimates of memory against counts, known sizes and what runs of the program took.</summary>
public sealed class MemoryEstimateTests
{
    private const double Gibibyte = 1L << 30;

    [GoldenFact("golden/peft/lora_r8_all_linear")]
    public void An_adapter_costs_sixteen_bytes_a_parameter()
    {
        var config = DecoderConfig.Read(Golden.Locate("peft/base"));
        var trained = Golden.Json("peft/lora_r8_all_linear/case.json").GetProperty("trainable_parameters").GetInt64();

        var (with, without) = (Of(config, 8), Of(config, 0));

        Assert.Equal(16 * trained, with.LoraBytes - without.LoraBytes);
        Assert.Equal(16 * trained, with.QloraBytes - without.QloraBytes);
        Assert.Equal(with.FullBytes, without.FullBytes);

        MemoryEstimate Of(DecoderConfig of, int rank) => MemoryEstimate.Of(of, new MemoryWork { LoraRank = rank });
    }

    [Fact]
    public void A_model_of_seven_billion_parameters_needs_what_is_known_of_it()
    {
        var config = Llama(layers: 32, hidden: 4096, inner: 11008, heads: 32, vocabulary: 32000, isTied: false, positions: 2048);

        var estimate = MemoryEstimate.Of(config, new MemoryWork { ComputeType = DType.BFloat16 });

        // 6.74 billion parameters: 16 bytes each to train all, 2 to hold them, a little over half a byte in 4 bits.
        Assert.InRange(estimate.FullBytes / Gibibyte, 100.4, 105);
        Assert.InRange(estimate.LoraBytes / Gibibyte, 15, 17);
        Assert.InRange(estimate.QloraBytes / Gibibyte, 5, 8);
        Assert.InRange(estimate.ServeBytes / Gibibyte, 13, 15);
    }

    // Resident memory, the mapped weights included, after a pretraining step of 8 rows of 256 tokens with checkpointing, rank 64, fp32, on a machine with AVX2.
    [Theory]
    [InlineData("full", 1.99)]
    [InlineData("lora", 0.98)]
    [InlineData("qlora", 1.03)]
    public void Estimates_are_within_a_fifth_of_what_runs_took(string mode, double measuredGibibytes)
    {
        var config = Llama(layers: 12, hidden: 768, inner: 2048, heads: 12, vocabulary: 6000, isTied: true, positions: 512);

        var estimate = MemoryEstimate.Of(config, new MemoryWork { SupervisedTokens = 256 });

        var bytes = mode switch { "full" => estimate.FullBytes, "lora" => estimate.LoraBytes, _ => estimate.QloraBytes };
        Assert.InRange(bytes / Gibibyte / measuredGibibytes, 0.8, 1.2);
    }

    // R-BERT of BERT's base size, steps of 16 rows of 128 tokens with dropout and update, fp32: `guanxi bench train --shape bert-base` on a machine with AVX2.
    [Fact]
    public void The_estimate_of_an_encoder_is_within_a_tenth_of_what_its_steps_took()
    {
        var config = ((EncoderShape)BenchmarkShape.Find("bert-base")).Config;

        var bytes = EncoderMemory.TrainingBytes(config, new MemoryWork { Rows = 16, RowTokens = 128, IsCheckpointed = false });

        Assert.InRange(bytes / Gibibyte / 3.08, 0.9, 1.1);
    }

    [Fact]
    public void Without_checkpointing_every_layer_keeps_its_activations()
    {
        var config = Llama(layers: 12, hidden: 768, inner: 2048, heads: 12, vocabulary: 6000, isTied: true, positions: 512);

        var kept = MemoryEstimate.Of(config, new MemoryWork { IsCheckpointed = false });
        var computedAgain = MemoryEstimate.Of(config, new MemoryWork());

        Assert.True(kept.LoraBytes > 2 * computedAgain.LoraBytes);
        Assert.Equal(kept.ServeBytes, computedAgain.ServeBytes);
    }

    [Fact]
    public void What_rows_share_is_counted_once_and_an_embedding_of_its_own_stays_in_its_file()
    {
        var config = Llama(layers: 4, hidden: 256, inner: 512, heads: 4, vocabulary: 6000, isTied: false, positions: 512);
        var rows = MemoryEstimate.Of(config, new MemoryWork { Rows = 8, RowTokens = 130, SharedTokens = 66 });
        var alone = MemoryEstimate.Of(config, new MemoryWork { Rows = 8, RowTokens = 130 });
        var tied = MemoryEstimate.Of(config with { TieWordEmbeddings = true }, new MemoryWork { Rows = 8, RowTokens = 130 });

        Assert.InRange(rows.QloraBytes, alone.QloraBytes / 2, alone.QloraBytes - 1);
        Assert.Equal(tied.QloraBytes, alone.QloraBytes);
        Assert.Equal(16L * 6000 * 256, alone.FullBytes - tied.FullBytes);
    }

    private static DecoderConfig Llama(int layers, int hidden, int inner, int heads, int vocabulary, bool isTied, int positions) =>
        GeneratedCheckpoint.Llama("0.44b") with
        {
            LayerCount = layers, HiddenSize = hidden, IntermediateSize = inner, HeadCount = heads, KeyValueHeadCount = heads, HeadDim = hidden / heads,
            VocabularySize = vocabulary, TieWordEmbeddings = isTied, MaxPositions = positions,
        };
}
