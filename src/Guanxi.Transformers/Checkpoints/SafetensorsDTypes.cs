using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>Element types of the safetensors format and their order in a file.</summary>
internal static class SafetensorsDTypes
{
    // In the order in which the reference library lays tensors out (its enum, downwards): tensors of the first type come first.
    private static readonly (string Name, DType DType)[] s_layoutOrder =
    [
        ("I64", DType.Int64), ("F64", DType.Float64), ("F32", DType.Float32), ("I32", DType.Int32), ("BF16", DType.BFloat16),
        ("F16", DType.Float16), ("I16", DType.Int16), ("I8", DType.Int8), ("U8", DType.UInt8), ("BOOL", DType.Bool),
    ];

    /// <summary>Names of all types that are read, for messages.</summary>
    public static string Supported { get; } = string.Join(", ", s_layoutOrder.Select(item => item.Name));

    /// <summary>The type of a name in a header.</summary>
    public static bool TryParse(string name, out DType dtype)
    {
        foreach (var item in s_layoutOrder)
        {
            if (item.Name == name)
            {
                dtype = item.DType;
                return true;
            }
        }

        dtype = default;
        return false;
    }

    /// <summary>The name of a type in a header.</summary>
    public static string NameOf(DType dtype) => s_layoutOrder[LayoutRank(dtype)].Name;

    /// <summary>Place of a type in the layout order; smaller comes first in the file.</summary>
    public static int LayoutRank(DType dtype) => Array.FindIndex(s_layoutOrder, item => item.DType == dtype);
}
