using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints;

/// <summary>A checkpoint is quantised on its way in, one tensor in memory at a time.</summary>
public sealed class StreamingTests
{
    private const long Slack = 64 << 10;

    [Theory]
    [InlineData(WeightStorage.Nf4, null, 1)]
    [InlineData(WeightStorage.Nf4, DType.Float16, 2)]
    [InlineData(WeightStorage.Fp4, null, 1)]
    public void The_peak_is_the_quantised_model_and_one_tensor(WeightStorage storage, DType? loadType, int copies)
    {
        // The tensor as it is stored and, where it is rounded, its copy; what the slack holds is its block maxima before they are
        // quantised.
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        var config = TinyModel.Config(4) with { HiddenSize = 256, IntermediateSize = 512, HeadDim = 64 };
        var largest = 2L * config.HiddenSize * config.IntermediateSize;
        using (var model = TinyModel.Make(config, DType.BFloat16))
        {
            ModelWriter.Write(model, folder.FullPath, null, shardBytes: 3 * largest);
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = TensorStatistics.LiveBytes;
        TensorStatistics.ResetPeak();
        using var loaded = LanguageModel.Load(folder.FullPath, new LanguageModelOptions { Storage = storage, LoadType = loadType });

        var (end, peak) = (TensorStatistics.LiveBytes - before, TensorStatistics.PeakBytes - before);
        Assert.InRange(peak, end, end + (copies * largest) + Slack);
        Assert.True(peak < config.ParameterCount, $"{peak} bytes at most, for {config.ParameterCount} weights of two bytes");
        Assert.True(Directory.GetFiles(folder.FullPath, "*.safetensors").Length > 2);
    }

    [LongFact]
    [Trait(LongTests.Trait, LongTests.Long)]
    public void A_checkpoint_of_seven_billion_weights_passes_through_the_memory_of_its_4_bit_form()
    {
        const long AllowedRest = 1L << 30;
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        if (new DriveInfo(folder.FullPath).AvailableFreeSpace < 16L << 30)
        {
            return;
        }

        var config = TinyModel.Config(32) with
        {
            HiddenSize = 4096, IntermediateSize = 11008, HeadCount = 32, KeyValueHeadCount = 32, HeadDim = 128, VocabularySize = 64000,
            MaxPositions = 4096, StorageType = DType.BFloat16,
        };
        GeneratedCheckpoint.Write(config, folder.FullPath);
        ResidentMemory.ResetPeak();
        var before = ResidentMemory.PeakBytes(Environment.ProcessId)!.Value;
        TensorStatistics.ResetPeak();
        var live = TensorStatistics.LiveBytes;

        using var model = LanguageModel.Load(folder.FullPath, new LanguageModelOptions { Storage = WeightStorage.Nf4 });

        var largest = 2L * config.HiddenSize * config.IntermediateSize;
        var end = TensorStatistics.LiveBytes - live;
        Assert.InRange(TensorStatistics.PeakBytes - live, end, end + (2 * largest));
        Assert.InRange(ResidentMemory.PeakBytes(Environment.ProcessId)!.Value - before, 0, end + AllowedRest);
    }
}
