using Guanxi.Relations.Training;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Relations.Tests.Training;

public sealed class MemoryCheckTests
{
    private static readonly TrainArguments s_arguments = new()
    {
        TrainMode = TrainMode.Full, PerDeviceTrainBatchSize = 8, GradientCheckpointing = false,
    };

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

    private static void Check(TrainArguments arguments, long? available)
    {
        var config = GeneratedCheckpoint.Llama("7b");
        var rows = Enumerable.Repeat(TokenSequence.Unmasked(new int[130]), 20).ToArray();
        MemoryCheck.Require(config, arguments, rows, DType.Float32, available);
    }
}
