using Guanxi.TestKit;
using Guanxi.Torch.Benchmarks;
using Xunit;

namespace Guanxi.Torch.Tests.Benchmarks;

public sealed class KernelBenchmarkTests
{
    private static readonly KernelSizes s_small = new(Rows: 2, RowLength: 9, Heads: 4, HeadDim: 8, Intermediate: 48, Vocabulary: 77, Supervised: 6);

    [Fact]
    public void Every_operation_is_timed_forward_and_backward_in_both_types_beside_its_composed_form()
    {
        using var leaks = new LeakCheck();
        var told = new List<KernelTiming>();
        var timings = new KernelBenchmark(s_small, samples: 3, TimeProvider.System).Run(told.Add);
        Assert.Equal(timings, told);
        string[] both = ["rms_norm", "swiglu", "rope", "attention", "dropout", "cross_entropy"];
        foreach (var kernel in both)
        {
            Assert.Equal(4, timings.Count(timing => timing.Kernel == kernel && timing.Gain > 0));
        }

        Assert.Single(timings, timing => timing.Kernel == "adamw");
        Assert.Equal(["quantise", "dequantise", "dequantise"], timings.Where(timing => timing.Kernel == "nf4").Select(timing => timing.Pass));
        Assert.All(timings, timing => Assert.True(timing.ElementsPerSecond > 0, timing.ToString()));
    }

    [Fact]
    public void Linear_layers_are_timed_beside_the_plain_product()
    {
        using var leaks = new LeakCheck();
        var told = new List<LinearTiming>();
        var sizes = new LinearSizes([(48, 128), (70, 256)], [1, 9], RotatedBytes: 50_000);
        var timings = new LinearBenchmark(sizes, samples: 3, TimeProvider.System).Run(DType.Float32, told.Add);
        Assert.Equal(timings, told);
        Assert.Equal(8, timings.Count);
        Assert.All(timings, timing => Assert.True(timing.WeightBytesPerSecond > 0 && timing.OperationsPerSecond > 0, timing.ToString()));
    }

    [Theory]
    [InlineData("rms_norm")]
    [InlineData("swiglu")]
    [InlineData("rope")]
    [InlineData("attention")]
    [InlineData("cross_entropy")]
    [InlineData("adamw")]
    public void Both_forms_compute_the_same(string kernel)
    {
        using var scope = TensorScope.Enter();
        using var table = new RopeTable([1f, 0.1f, 0.01f, 0.001f], 9);
        var item = KernelCase.All(s_small, table).Single(item => item.Name == kernel);
        using var unrecorded = Autograd.NoGrad();
        var inputs = item.Inputs(DType.Float32);
        var again = inputs.Select(input => input.Clone()).ToArray();
        // Sums of up to 77 numbers of the size of one, in another order.
        Close.Assert(item.Composed(again), item.Fused(inputs), 1e-5, kernel);
    }
}
