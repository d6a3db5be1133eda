using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;

namespace Guanxi.Transformers.Checkpoints.Gguf;

/// <summary>Writes a decoder as a GGUF file, with the names and the order of rows that llama.cpp expects.</summary>
public static class GgufModelWriter
{
    private const string QuantizationVersionKey = "general.quantization_version";
    private const long QuantizationVersion = 2;

    // Numbers of the format's enum llama_ftype.
    private static readonly Dictionary<GgmlType, long> s_fileTypes = new()
    {
        [GgmlType.F32] = 0,
        [GgmlType.F16] = 1,
        [GgmlType.Q4_0] = 2,
        [GgmlType.Q8_0] = 7,
        [GgmlType.BF16] = 32,
    };

    /// <summary>Writes a model: adapters are merged on the way, 4-bit layers dequantised. The model itself is not changed.</summary>
    /// <param name="model">A model of the LLaMA or Baichuan family.</param>
    /// <param name="tokenizer">Its vocabulary; null leaves the file without one.</param>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="type">
    /// F32, F16, BF16, Q8_0 or Q4_0: how matrices are stored. Norms and biases are always F32, and matrices whose rows are no whole
    /// blocks F16.
    /// </param>
    /// <exception cref="CheckpointException">The file cannot be written, or a weight cannot be quantised.</exception>
    /// <exception cref="OptionsException">The type is another, or the format has no name or key for something in the model.</exception>
    public static void Write(Decoder model, GgufTokenizer? tokenizer, string path, GgmlType type)
    {
        ArgumentNullException.ThrowIfNull(model);
        var problems = new List<Problem>();
        if (!s_fileTypes.TryGetValue(type, out var fileType))
        {
            problems.Add(new Problem("type", "this type is not written", string.Join(", ", s_fileTypes.Keys), $"{type}"));
        }

        var family = GgufFamily.Find(model.Config.ModelType);
        if (family is null)
        {
            problems.Add(new Problem("model", "this family has no GGUF form here", GgufFamily.Known, model.Config.ModelType));
            throw new OptionsException(problems);
        }

        problems.AddRange(GgufConfig.Unwritable(model.Config, family));
        var tensors = new List<GgufSource>();
        if (GgufRopeFactors.Of(model.Config) is { } divisors)
        {
            tensors.Add(new GgufSource(
                GgufRopeFactors.TensorName, GgmlType.F32, [divisors.Length], () => Tensor.From<float>(divisors, divisors.Length)));
        }

        foreach (var weight in ModelWriter.Weights(model))
        {
            foreach (var source in Sources(family, model.Config, weight.Name, Shape(weight), () => Value(weight, model.Config), type))
            {
                tensors.Add(source);
                if (source.Name.Length == 0)
                {
                    problems.Add(new Problem("model", "the format has no name for a weight", Found: weight.Name));
                }
            }
        }

        if (problems.Count > 0)
        {
            throw new OptionsException(problems);
        }

        List<KeyValuePair<string, object>> keys =
        [
            .. GgufConfig.KeysOf(model.Config, family), KeyValuePair.Create("general.file_type", (object)fileType),
            KeyValuePair.Create(QuantizationVersionKey, (object)QuantizationVersion), .. tokenizer?.FilledTo(model.Config.VocabularySize).Keys() ?? [],
        ];
        GgufWriter.Write(path, keys.DistinctBy(item => item.Key), tensors);
    }

    private static IEnumerable<GgufSource> Sources(
        GgufFamily family, DecoderConfig config, string name, long[] shape, Func<Tensor> value, GgmlType type)
    {
        if (!name.Contains($".{GgufNames.Fused}.", StringComparison.Ordinal))
        {
            yield return Source(family, config, name, shape, value, type);
            yield break;
        }

        long start = 0;
        foreach (var part in GgufNames.FusedParts)
        {
            var (first, rows) = (start, config.HeadDim * (long)(part == "q_proj" ? config.HeadCount : config.KeyValueHeadCount));
            var partName = name.Replace(GgufNames.Fused, part, StringComparison.Ordinal);
            yield return Source(family, config, partName, [rows, .. shape[1..]], () => value().Narrow(0, first, rows), type);
            start += rows;
        }
    }

    private static GgufSource Source(GgufFamily family, DecoderConfig config, string name, long[] shape, Func<Tensor> value, GgmlType type)
    {
        var heads = PairedHeads(family, config, name);
        var stored = shape.Length == 1 ? GgmlType.F32 : shape[^1] % GgmlBlocks.ElementsOf(type) == 0 ? type : GgmlType.F16;
        return new GgufSource(
            GgufNames.ToGguf(name) ?? string.Empty, stored, shape,
            heads is { } count ? () => GgufFile.HalvesToPairs(value(), count) : value);
    }

    private static long? PairedHeads(GgufFamily family, DecoderConfig config, string name)
    {
        if (!family.PairsRotaryRows)
        {
            return null;
        }

        return name.Contains(".q_proj.", StringComparison.Ordinal) ? config.HeadCount
            : name.Contains(".k_proj.", StringComparison.Ordinal) ? config.KeyValueHeadCount
            : (long?)null;
    }

    private static long[] Shape(StoredWeight weight) => weight.Layer is { } layer
        ? [layer.Weight.OutputSize, layer.Weight.InputSize]
        : weight.Parameter!.Value.Shape.ToArray();

    // llama.cpp knows no normalised head: its rows are divided here, once and for all.
    private static Tensor Value(StoredWeight weight, DecoderConfig config) =>
        weight.Layer is { } layer ? AdapterMerge.Weight(layer, DType.Float32)
        : config.HasNormHead && weight.Name == "lm_head.weight" ? NormHead.Normalized(weight.Parameter!.Value)
        : weight.Parameter!.Value;
}
