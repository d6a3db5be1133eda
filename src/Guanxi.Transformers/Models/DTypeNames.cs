using Guanxi.Torch;

namespace Guanxi.Transformers.Models;

/// <summary>Names of the floating-point types that weights and activations have.</summary>
internal static class DTypeNames
{
    private static readonly (DType Type, string Python, string Short)[] s_all =
    [
        (DType.Float32, "float32", "fp32"), (DType.Float16, "float16", "fp16"), (DType.BFloat16, "bfloat16", "bf16"),
    ];

    /// <summary>torch's name.</summary>
    public static string PythonOf(DType type) => Entry(type).Python;

    /// <summary>The short name, as options and results have it.</summary>
    public static string ShortOf(DType type) => Entry(type).Short;

    /// <summary>The short name of the form of weights; null is NF4.</summary>
    public static string ShortOfWeights(DType? type) => type is { } dense ? ShortOf(dense) : "nf4";

    /// <summary>The type that torch calls so, or null.</summary>
    public static DType? FromPython(string? name) => Find(item => item.Python == name);

    /// <summary>The type of a short name, or null.</summary>
    public static DType? FromShort(string? name) => Find(item => item.Short == name);

    private static DType? Find(Predicate<(DType Type, string Python, string Short)> isMeant)
    {
        var at = Array.FindIndex(s_all, isMeant);
        return at < 0 ? null : s_all[at].Type;
    }

    private static (DType Type, string Python, string Short) Entry(DType type) => s_all.First(item => item.Type == type);
}
