using System.Globalization;
using Guanxi.Torch;

namespace Guanxi.Transformers.Models;

/// <summary>Chooses the type of activations and products: processors differ by a factor of fifty in bf16.</summary>
public static class ComputeType
{
    /// <summary>The word that leaves the choice to the processor.</summary>
    public const string Auto = "auto";

    // Products of bf16 without an instruction for them take fifty times as long as those of fp32. A disturbed measurement must not decide: the same
    // program on the same machine comes to the same type.
    private const double Hopeless = 3;

    // The processor's flags for products of bf16; without them libtorch computes bf16 one number at a time.
    private static readonly string[] s_flags = ["avx512_bf16", "amx_bf16"];

    /// <summary>
    /// Chooses by what the caller asks for and, for <c>auto</c>, by the processor's flags and a measured product of a few milliseconds, which shows whether
    /// libtorch uses what the processor has.
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
            case Auto when !hasProducts:
                why = $"computing in fp32: {Missing}";
                return DType.Float32;
            case Auto:
                var (single, half) = (measure(DType.Float32), measure(DType.BFloat16));
                var type = half < Hopeless * single ? DType.BFloat16 : DType.Float32;
                why = string.Create(
                    CultureInfo.InvariantCulture,
                    $"computing in {NameOf(type)}: a measured product took {half.TotalMilliseconds:0.00} ms in bf16, {single.TotalMilliseconds:0.00} ms in fp32");
                return type;
            default:
                throw new OptionsException(new Problem("dtype", "unknown compute type", "auto, fp32 or bf16", $"'{requested}'"));
        }
    }

    /// <summary>The word for a type, as options and results have it.</summary>
    /// <param name="type">A type that can be computed in.</param>
    public static string NameOf(DType type) => DTypeNames.ShortOf(type);

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
        const int Rounds = 10;
        const double Enough = 10; // milliseconds
        const long CpuSize = 512;
        const long CudaSize = 4096;
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        var size = device.IsCpu ? CpuSize : CudaSize;
        var matrix = Tensor.Full([size, size], 1.0 / size, dtype, device);
        _ = matrix.MatrixProduct(matrix);
        TorchRuntime.Synchronize(device);
        var best = TimeSpan.MaxValue;
        var begin = clock.GetTimestamp();
        for (var round = 0; round < Rounds && clock.GetElapsedTime(begin).TotalMilliseconds < Enough; round++)
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
