using Guanxi.Relations.Training;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Relations.Tests.Training;

public sealed class MemoryCheckTests
{
    private static readonly TrainArguments s_arguments = new()
    {
        TrainMode = TrainMode.Full, PerDeviceTrainBatchSize = 8, GradientCheckpointing = false,
    };

    private static readonly TokenSequence[] s_rows = [.. Enumerable.Repeat(TokenSequence.Unmasked(new int[130]), 20)];

    [Fact]
    public void A_run_that_cannot_fit_is_refused_with_what_would_fit()
    {
        var told = Assert.Throws<OptionsException>(() => Check(s_arguments, 16L << 30)).Message;

        Assert.Contains("mode full does not fit", told, StringComparison.Ordinal);
        Assert.Contains("16.0 GiB available", told, StringComparison.Ordinal);
        Assert.Contains("What would fit: --train_mode qlora (", told, StringComparison.Ordinal);
        Assert.DoesNotContain("--train_mode lora (", told, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_fits_in_no_way_is_said_to_be_too_large()
    {
        var told = Assert.Throws<OptionsException>(() => Check(s_arguments with { TrainMode = TrainMode.Qlora }, 2L << 30)).Message;

        Assert.Contains("take a smaller one", told, StringComparison.Ordinal);
    }

    [Fact]
    public void What_fits_or_what_nobody_can_know_is_let_through()
    {
        Check(s_arguments with { TrainMode = TrainMode.Qlora, GradientCheckpointing = true }, 64L << 30);
        Check(s_arguments, null);
    }

    [Fact]
    public void An_encoder_that_cannot_fit_is_refused_with_what_would_fit()
    {
        var config = new EncoderConfig
        {
            VocabularySize = 21128, HiddenSize = 1024, IntermediateSize = 4096, LayerCount = 24, HeadCount = 16, MaxPositions = 512, TokenTypeCount = 2,
            LayerNormEpsilon = 1e-12, HiddenDropout = 0.1, AttentionDropout = 0.1, ClassifierDropout = 0.1, PadId = 0, InitializerRange = 0.02,
            Head = EncoderHead.EntityPair, Labels = [.. Enumerable.Range(0, 14).Select(label => $"{label}")],
        };
        var arguments = new TrainArguments { Method = Methods.RBert, TrainMode = TrainMode.Full, PerDeviceTrainBatchSize = 16, GradientCheckpointing = false };
        int[] lengths = [.. Enumerable.Repeat(40, 100), .. Enumerable.Repeat(200, 16)];
        OptionsException Refuse(long gigabytes) =>
            Assert.Throws<OptionsException>(() => MemoryCheck.Require(config, arguments, lengths, DType.Float32, gigabytes << 30));

        Assert.Contains("with method r-bert does not fit", Refuse(6).Message, StringComparison.Ordinal);
        Assert.Contains("What would fit: --gradient_checkpointing true (", Refuse(6).Message, StringComparison.Ordinal);
        Assert.Contains("What would fit: --method bert-bigru-att, ", Refuse(4).Message, StringComparison.Ordinal);
        Assert.Contains("take a smaller one", Refuse(1).Message, StringComparison.Ordinal);
        MemoryCheck.Require(config, arguments, lengths, DType.Float32, 16L << 30);
        MemoryCheck.Require(config, arguments, lengths, DType.Float32, null);
    }

    [Theory]
    [InlineData(true, 64, true, "gradient_checkpointing computes every layer twice")]
    [InlineData(true, 24, true, null)]
    [InlineData(true, 0, true, null)]
    [InlineData(false, 64, false, null)]
    [InlineData(false, 24, false, null)]
    [InlineData(null, 64, false, "of the 64.0 GiB that are available (gradient_checkpointing false)")]
    [InlineData(null, 24, true, "more than half of what is available (gradient_checkpointing true)")]
    [InlineData(null, 0, true, "nobody knows what is available (gradient_checkpointing true)")]
    public void Layers_are_computed_again_as_told_or_as_memory_asks(bool? wanted, int gibibytes, bool recomputes, string? told)
    {
        var arguments = s_arguments with { TrainMode = TrainMode.Qlora, GradientCheckpointing = wanted };
        var notes = new List<string>();

        Assert.Equal(
            recomputes,
            MemoryCheck.Recomputes(GeneratedCheckpoint.Llama("7b"), arguments, s_rows, DType.Float32, gibibytes == 0 ? null : (long)gibibytes << 30, notes.Add));

        if (told is null)
        {
            Assert.Empty(notes);
        }
        else
        {
            Assert.Contains(told, Assert.Single(notes), StringComparison.Ordinal);
        }
    }

    private static void Check(TrainArguments arguments, long? available)
    {
        var config = GeneratedCheckpoint.Llama("7b");
        MemoryCheck.Require(config, arguments, s_rows, DType.Float32, available);
    }
}
