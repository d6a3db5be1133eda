using System.Text.Json.Nodes;

namespace Guanxi.Torch.Benchmarks;

/// <summary>The limits of this machine at this minute, and how near libtorch's own product comes to one of them.</summary>
/// <param name="tokens">Rows of the product's input.</param>
/// <param name="width">Width of its input and output.</param>
/// <param name="memoryBytes">Memory to read.</param>
/// <param name="samples">Samples of each; the medians count.</param>
/// <param name="time">The clock.</param>
public sealed class PeakBenchmark(long tokens, long width, long memoryBytes, int samples, TimeProvider time)
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(100);

    /// <summary>Measures.</summary>
    /// <returns>The figures.</returns>
    public PeakBenchmarkResult Run()
    {
        var (peaks, shares, threads) = (new List<double>(), new List<double>(), TorchRuntime.Threads);
        using (Autograd.NoGrad())
        {
            using var scope = TensorScope.Enter();
            var input = Tensor.Empty([tokens, width], DType.Float32, Device.Cpu).UniformInPlace(-1, 1);
            var matrix = Tensor.Empty([width, width], DType.Float32, Device.Cpu).UniformInPlace(-1, 1);
            for (var i = 0; i <= samples; i++)
            {
                var before = Peak(DType.Float32) ?? double.NaN;
                var seconds = Timed(() => input.MatrixProduct(matrix));
                peaks.Add((before + (Peak(DType.Float32) ?? double.NaN)) / 2);
                shares.Add(2.0 * tokens * width * width / seconds / peaks[^1]);
            }
        }

        return new PeakBenchmarkResult
        {
            Threads = threads,
            SingleOperationsPerSecond = KernelBenchmark.MedianOf(peaks),
            HalfOperationsPerSecond = Peak(DType.BFloat16) is null ? null
                : KernelBenchmark.MedianOf([.. Enumerable.Range(0, samples + 1).Select(_ => Peak(DType.BFloat16)!.Value)]),
            ProductPeakShare = KernelBenchmark.MedianOf(shares),
            MemoryBytesPerSecond = MemoryMeter.Measure(memoryBytes, samples, time),
        };

        double? Peak(DType type) => PeakMeter.Measure(type, threads, s_look);
    }

    private double Timed(Func<Tensor> action)
    {
        using var scope = TensorScope.Enter();
        var start = time.GetTimestamp();
        action();
        return time.GetElapsedTime(start).TotalSeconds;
    }
}

/// <summary>What <see cref="PeakBenchmark"/> found.</summary>
public sealed record PeakBenchmarkResult
{
    /// <summary>Threads that computed.</summary>
    public required int Threads { get; init; }

    /// <summary>Multiply-accumulate peak in Float32, operations a second.</summary>
    public required double SingleOperationsPerSecond { get; init; }

    /// <summary>The same in BFloat16; null where the processor has no such products.</summary>
    public required double? HalfOperationsPerSecond { get; init; }

    /// <summary>Speed of libtorch's product in Float32 as a share of the peak around it.</summary>
    public required double ProductPeakShare { get; init; }

    /// <summary>Bytes of memory read in a second.</summary>
    public required double MemoryBytesPerSecond { get; init; }

    /// <summary>The machine form.</summary>
    /// <returns>An object with snake_case keys.</returns>
    public JsonObject ToJson() => new()
    {
        ["case"] = "peak",
        ["threads"] = Threads,
        ["peak_gflops_fp32"] = SingleOperationsPerSecond / 1e9,
        ["peak_gflops_bf16"] = HalfOperationsPerSecond / 1e9,
        ["product_gflops"] = ProductPeakShare * SingleOperationsPerSecond / 1e9,
        ["product_peak_share"] = ProductPeakShare,
        ["memory_bytes_per_second"] = MemoryBytesPerSecond,
    };
}
