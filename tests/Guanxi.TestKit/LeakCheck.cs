using Guanxi.Torch;
using Xunit;

namespace Guanxi.TestKit;

/// <summary>Asserts, when disposed, that as many native tensors live as when it was made.</summary>
public sealed class LeakCheck : IDisposable
{
    private readonly long _tensors = Settled().Tensors;
    private readonly long _bytes = TensorStatistics.LiveBytes;

    /// <summary>Compares the counters after the collector has finished what earlier tests dropped.</summary>
    public void Dispose()
    {
        var (tensors, bytes) = Settled();
        Assert.True(tensors == _tensors, $"{tensors - _tensors} native tensors were left alive");
        Assert.True(bytes == _bytes, $"{bytes - _bytes} native bytes were left alive");
    }

    private static (long Tensors, long Bytes) Settled()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return (TensorStatistics.LiveTensors, TensorStatistics.LiveBytes);
    }
}
