using System.Text.Json.Nodes;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Models;

/// <summary>How the linear layers of a checkpoint are stored in 4 or 8 bits: <c>quantization_config</c> of bitsandbytes.</summary>
/// <param name="QuantType">The table of 16 values: <c>nf4</c> or <c>fp4</c>; <see cref="Int8"/> for 8 bits.</param>
/// <param name="UseDoubleQuant">Whether the block scales are quantised too.</param>
/// <param name="ComputeDType">Element type the author computed in, e.g. <c>bfloat16</c>.</param>
/// <param name="QuantStorage">Element type the packed bytes are stored under, <c>uint8</c> as a rule.</param>
/// <param name="SkipModules">Modules that stay unquantised; null means the default, which is the output head.</param>
public sealed record QuantizationConfig(
    string QuantType, bool UseDoubleQuant, string ComputeDType, string QuantStorage, IReadOnlyList<string>? SkipModules)
{
    /// <summary>Stands in <see cref="QuantType"/> for 8-bit layers, which have no table.</summary>
    public const string Int8 = "int8";

    private const string DefaultComputeDType = "float32";
    private const string DefaultStorage = "uint8";

    // Of 8-bit weights; written because the key is expected.
    private const double DefaultThreshold = 6;

    // bitsandbytes' own default, though everybody asks for nf4.
    private const string DefaultQuantType = "fp4";

    /// <summary>The half-precision type that the author computed in; null for any other.</summary>
    public DType? HalfComputeType => DTypeNames.FromPython(ComputeDType) is { } type and not DType.Float32 ? type : null;

    /// <summary>8-bit layers, with bitsandbytes' defaults for everything else.</summary>
    internal static QuantizationConfig EightBit { get; } = new(Int8, false, DefaultComputeDType, DefaultStorage, null);

    private bool IsEightBit => QuantType == Int8;

    internal static QuantizationConfig? Parse(JsonKeys root)
    {
        if (root.Nested("quantization_config") is not { } keys)
        {
            return null;
        }

        var method = keys.Text("quant_method") ?? "bitsandbytes";
        if (method != "bitsandbytes")
        {
            keys.Report("quant_method", "this quantisation is not read", "bitsandbytes", FileErrors.Quote(method));
            return null;
        }

        var isEightBit = keys.Flag("load_in_8bit", false) || keys.Flag("_load_in_8bit", false);
        if (!isEightBit && !keys.Flag("load_in_4bit", false) && !keys.Flag("_load_in_4bit", false))
        {
            keys.Report("load_in_4bit", "only 4-bit and 8-bit weights are read", "true", "false");
        }

        var quantType = isEightBit ? Int8 : keys.Text("bnb_4bit_quant_type") ?? DefaultQuantType;
        if (!isEightBit && quantType is not ("nf4" or "fp4"))
        {
            keys.Report("bnb_4bit_quant_type", "unknown table", "nf4 or fp4", FileErrors.Quote(quantType));
        }

        return new QuantizationConfig(
            quantType,
            keys.Flag("bnb_4bit_use_double_quant", false),
            keys.Text("bnb_4bit_compute_dtype") ?? DefaultComputeDType,
            keys.Text("bnb_4bit_quant_storage") ?? DefaultStorage,
            keys.Texts("llm_int8_skip_modules"));
    }

    internal JsonObject ToJson() => new()
    {
        ["_load_in_4bit"] = !IsEightBit,
        ["_load_in_8bit"] = IsEightBit,
        ["bnb_4bit_compute_dtype"] = ComputeDType,
        ["bnb_4bit_quant_storage"] = QuantStorage,
        ["bnb_4bit_quant_type"] = IsEightBit ? DefaultQuantType : QuantType,
        ["bnb_4bit_use_double_quant"] = UseDoubleQuant,
        ["llm_int8_enable_fp32_cpu_offload"] = false,
        ["llm_int8_has_fp16_weight"] = false,
        ["llm_int8_skip_modules"] = PythonJson.Strings(SkipModules),
        ["llm_int8_threshold"] = PythonJson.Float(DefaultThreshold),
        ["load_in_4bit"] = !IsEightBit,
        ["load_in_8bit"] = IsEightBit,
        ["quant_method"] = "bitsandbytes",
    };
}
