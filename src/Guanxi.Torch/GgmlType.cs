using System.Diagnostics.CodeAnalysis;

namespace Guanxi.Torch;

/// <summary>How the elements of a tensor in a GGUF file are stored. Names and values are those of the format.</summary>
/// <remarks>Source: ggml-org/ggml, docs/gguf.md and <c>enum ggml_type</c>.</remarks>
[SuppressMessage("Naming", "CA1707", Justification = "The names are the format's own.")]
public enum GgmlType
{
    /// <summary>IEEE single precision.</summary>
    F32 = 0,

    /// <summary>IEEE half precision.</summary>
    F16 = 1,

    /// <summary>Blocks of 32: a scale and 4 bits around zero.</summary>
    Q4_0 = 2,

    /// <summary>Blocks of 32: scale, minimum and 4 bits.</summary>
    Q4_1 = 3,

    /// <summary>Blocks of 32: a scale and 5 bits around zero.</summary>
    Q5_0 = 6,

    /// <summary>Blocks of 32: scale, minimum and 5 bits.</summary>
    Q5_1 = 7,

    /// <summary>Blocks of 32: a scale and 8 bits.</summary>
    Q8_0 = 8,

    /// <summary>Blocks of 256 in eight parts, each with a scale and a minimum of 6 bits; 4 bits an element.</summary>
    Q4_K = 12,

    /// <summary>The same with 5 bits an element.</summary>
    Q5_K = 13,

    /// <summary>Blocks of 256 in sixteen parts, each with a scale of 8 bits; 6 bits an element around zero.</summary>
    Q6_K = 14,

    /// <summary>Brain floating point.</summary>
    BF16 = 30,
}
