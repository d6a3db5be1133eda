using System.Globalization;
using Guanxi.Torch;

namespace Guanxi.Transformers.Models;

/// <summary>Chooses the type of activations and products: processors differ by a factor of fifty in bf16.</summary>
public static class ComputeType
{
    // The processor's flags for products of bf16; without them libtorch computes bf16 one number at a time.
    private static readonly string[] s_flags = ["avx512_bf16", "amx_bf16"];

    /// <summary>
    /// Chooses by what the caller asks for and, for <c>auto</c>, by the processor's flags and a measured product of a few milliseconds.
    /// </summary>
    /// <param name="requested"><c>auto</c>, <c>fp32</c> or <c>bf16</c>.</param>
    /// <param name="device">Where the model computes.</param>
    /// <param name="clock">Times the product.</param>
    /// <param name="why">One line for the log.</param>
    /// <returns>Float32 or BFloat16.</returns>
    /// <exception cref="OptionsException">The word is none of the three.</exception>
    public static DType Choose(string requested, Device device, TimeProvider clock, out string why) =>
        Choose(requested, HasBFloat16Products(device), dtype => Measure(dtype, device, clock), out why);

    internal static DType Choose(string requested, bool hasProducts, Func<DType, TimeSpan> measure, out string why)
    {
        const string Missing = "this processor has no bf16 products";
        switch (requested)
        {
            case "fp32":
                why = "computing in fp32, as asked";
                return DType.Float32;
            case "bf16":
                why = "computing in bf16, as asked" + (hasProducts ? string.Empty : $", though {Missing}: fp32 would be much faster");
                return DType.BFloat16;
            case "auto" when !hasProducts:
                why = $"computing in fp32: {Missing}";
                return DType.Float32;
            case "auto":
                var (single, half) = (measure(DType.Float32), measure(DType.BFloat16));
                var name = half < single ? "bf16" : "fp32";
                why = string.Create(
                    CultureInfo.InvariantCulture,
                    $"computing in {name}: a measured product took {half.TotalMilliseconds:0.00} ms in bf16, {single.TotalMilliseconds:0.00} ms in fp32");
                return half < single ? DType.BFloat16 : DType.Float32;
            default:
                throw new OptionsException(new Problem("dtype", "unknown compute type", "auto, fp32 or bf16", $"'{requested}'"));
        }
    }

    internal static bool HasFlag(string processorText) => processorText.Split('\n')
        .Where(line => line.StartsWith("flags", StringComparison.Ordinal))
        .Any(line => line.Split(' ').Intersect(s_flags).Any());

    private static bool HasBFloat16Products(Device device)
    {
        const string ProcessorFile = "/proc/cpuinfo";
        return !device.IsCpu || (File.Exists(ProcessorFile) && HasFlag(File.ReadAllText(ProcessorFile)));
    }

    private static TimeSpan Measure(DType dtype, Device device, TimeProvider clock)
    {
        const int Rounds = 3;
        const long CpuSize = 512;
        const long CudaSize = 4096;
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        var size = device.IsCpu ? CpuSize : CudaSize;
        var matrix = Tensor.Full([size, size], 1.0 / size, dtype, device);
        _ = matrix.MatrixProduct(matrix);
        TorchRuntime.Synchronize(device);
        var best = TimeSpan.MaxValue;
        for (var round = 0; round < Rounds; round++)
        {
            var start = clock.GetTimestamp();
            _ = matrix.MatrixProduct(matrix);
            TorchRuntime.Synchronize(device);
            var taken = clock.GetElapsedTime(start);
            best = taken < best ? taken : best;
        }

        return best;
    }
}
