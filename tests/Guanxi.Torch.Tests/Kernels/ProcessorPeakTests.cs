using Guanxi.Torch.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed class ProcessorPeakTests
{
    [Fact]
    public void The_peak_is_a_number_that_a_processor_can_reach()
    {
        var peak = ProcessorPeak.MeasureFloat32(1, TimeSpan.FromMilliseconds(20));
        // From a starved virtual core in software to two 512-bit units at 6 GHz.
        Assert.InRange(peak, 0.01, 400);
    }

    [Fact]
    public void No_thread_at_all_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ProcessorPeak.MeasureFloat32(0, TimeSpan.FromMilliseconds(1)));
}
