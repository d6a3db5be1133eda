using System.Globalization;
using System.Text.Json.Nodes;

namespace Guanxi.Torch.Benchmarks;

/// <summary>Time of a linear layer over a few tokens: medians of samples taken in turn.</summary>
/// <param name="Weights">Form of the weights.</param>
/// <param name="Rows">Width of the output.</param>
/// <param name="Columns">Width of the input.</param>
/// <param name="Tokens">Rows of the input.</param>
/// <param name="WeightBytes">Bytes of the stored weights.</param>
/// <param name="Seconds">The way without gradients.</param>
/// <param name="ComposedSeconds">libtorch's product with the same weights in the compute type.</param>
public sealed record LinearTiming(string Weights, long Rows, long Columns, long Tokens, long WeightBytes, double Seconds, double ComposedSeconds)
{
    /// <summary>Bytes of stored weights read in a second.</summary>
    public double WeightBytesPerSecond => WeightBytes / Seconds;

    /// <summary>Floating-point operations a second.</summary>
    public double OperationsPerSecond => 2.0 * Rows * Columns * Tokens / Seconds;

    /// <summary>Makes the object of a report.</summary>
    /// <returns>Names in snake_case.</returns>
    public JsonObject ToJson() => new()
    {
        ["kernel"] = "linear",
        ["weights"] = Weights,
        ["rows"] = Rows,
        ["columns"] = Columns,
        ["tokens"] = Tokens,
        ["seconds"] = Seconds,
        ["composed_seconds"] = ComposedSeconds,
        ["weight_bytes_per_second"] = WeightBytesPerSecond,
        ["gflops"] = OperationsPerSecond / 1e9,
    };

    /// <summary>One line of a table.</summary>
    /// <returns>Shape, both times, gigabytes and operations a second.</returns>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"linear {Weights} {Rows}x{Columns}, {Tokens,2} tokens {Seconds * 1e3,8:F2} ms {ComposedSeconds * 1e3,9:F2} ms {ComposedSeconds / Seconds,6:F1}x "
        + $"{WeightBytesPerSecond / 1e9,7:F1} GB/s {OperationsPerSecond / 1e9,7:F1} GFLOP/s");
}
