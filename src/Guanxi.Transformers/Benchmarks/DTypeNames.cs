using Guanxi.Torch;

namespace Guanxi.Transformers.Benchmarks;

/// <summary>Types as the command line and the benchmarks' results spell them.</summary>
internal static class DTypeNames
{
    /// <summary>The name of a type; null is NF4.</summary>
    public static string Of(DType? dtype) => dtype switch
    {
        null => "nf4",
        DType.Float32 => "fp32",
        DType.BFloat16 => "bf16",
        _ => "fp16",
    };
}
