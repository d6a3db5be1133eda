using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

public sealed class SoakTests
{
    private const int Steps = 500;
    private const int WarmUp = 200;

    // Allocator slack, not a leak: one tensor a step of the smallest layer would come to more in 300 steps.
    private const long AllowedGrowthBytes = 24L << 20;

    [GoldenFact("golden/training")]
    public void Memory_is_flat_over_five_hundred_steps()
    {
        using var leaks = new LeakCheck();
        var golden = Golden.Json("training/qlora_constant_warmup/case.json");
        using var run = TrainingRun.Start(golden, dropout: 0.05, options => options with { MaxSteps = Steps, Accumulation = 1, SaveSteps = 50 });
        var tensors = new List<long>();
        var bytes = new List<long>();
        var resident = new List<long>();
        run.Saving = trainer =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            tensors.Add(TensorStatistics.LiveTensors);
            bytes.Add(TensorStatistics.LiveBytes);
            if (trainer.Step >= WarmUp)
            {
                resident.Add(Environment.WorkingSet);
            }
        };

        Assert.True(run.Trainer.Run(CancellationToken.None));

        Assert.Equal(Steps / 50, tensors.Count);
        Assert.All(tensors, count => Assert.Equal(tensors[0], count));
        Assert.All(bytes, count => Assert.Equal(bytes[0], count));
        Assert.InRange(resident[^1] - resident[0], long.MinValue, AllowedGrowthBytes);
    }
}
