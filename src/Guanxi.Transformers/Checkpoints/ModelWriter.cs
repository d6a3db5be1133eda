using System.Globalization;
using System.Text.Json.Nodes;
using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>Writes a decoder as a Hugging Face model folder, one tensor in memory at a time.</summary>
public static class ModelWriter
{
    /// <summary>Largest weights file, as transformers of version 4 splits them.</summary>
    public const long DefaultShardBytes = 5_000_000_000;

    /// <summary>Writes dense weights: 4-bit ones dequantised, adapters merged on the way. The model itself is not changed.</summary>
    /// <param name="model">The model.</param>
    /// <param name="folder">An existing folder.</param>
    /// <param name="storage">Element type of all weights; null: each as it is stored, a 4-bit one as it was before.</param>
    /// <param name="shardBytes">Largest weights file; more weights are split over several with an index.</param>
    /// <exception cref="CheckpointException">A file cannot be written.</exception>
    public static void Write(Decoder model, string folder, DType? storage, long shardBytes)
    {
        ArgumentNullException.ThrowIfNull(model);
        WriteWeights(model, folder, storage, shardBytes);
        (model.Config with { StorageType = storage ?? EmbeddingType(model), Quantization = null }).Write(folder);
    }

    /// <summary>Writes dense weights of any model, without its configuration.</summary>
    internal static void WriteWeights(Module model, string folder, DType? storage, long shardBytes)
    {
        var tensors = new List<TensorSource>();
        foreach (var (name, layer, parameter) in Weights(model))
        {
            tensors.Add(layer is null
                ? Plain(name, parameter!, storage)
                : Dense(name, layer, storage ?? layer.Weight.StorageType));
        }

        WriteFiles(tensors, folder, shardBytes);
    }

    /// <summary>Writes 4-bit and 8-bit weights as bitsandbytes stores them, and the others as they are.</summary>
    /// <param name="model">A model with such layers, all of one kind, and without adapters.</param>
    /// <param name="folder">An existing folder.</param>
    /// <param name="shardBytes">Largest weights file; more weights are split over several with an index.</param>
    /// <exception cref="CheckpointException">A file cannot be written.</exception>
    /// <exception cref="InvalidOperationException">The model has adapters, or no quantised layer.</exception>
    public static void WriteQuantized(Decoder model, string folder, long shardBytes)
    {
        ArgumentNullException.ThrowIfNull(model);
        var tensors = new List<TensorSource>();
        QuantizationConfig? found = null;
        foreach (var (name, layer, parameter) in Weights(model))
        {
            if (layer?.Adapter is not null)
            {
                throw new InvalidOperationException($"{name}: a quantised weight cannot hold an adapter; merge it into dense weights");
            }

            found = layer is null ? found : ConfigOf(layer.Weight) ?? found;
            tensors.AddRange(layer?.Weight switch
            {
                FourBitWeight { Quantized: var quantized } => FourBitCheckpointTensors.Sources(name, quantized),
                Int8Weight eightBit => Int8CheckpointTensors.Sources(name, eightBit),
                _ => [Plain(name, parameter ?? layer!.Weight.Parameter!, null)],
            });
        }

        if (found is null)
        {
            throw new InvalidOperationException("the model has no quantised layer");
        }

        WriteFiles(tensors, folder, shardBytes);
        (model.Config with { StorageType = EmbeddingType(model), Quantization = model.Config.Quantization ?? found }).Write(folder);
    }

    private static QuantizationConfig? ConfigOf(LinearWeight weight) => weight switch
    {
        FourBitWeight { Quantized: var layer } => new QuantizationConfig(
            FourBitCheckpointTensors.NameOf(layer.Kind), layer.Nested is not null, DTypeNames.PythonOf(layer.OriginalType),
            "uint8", null),
        Int8Weight => QuantizationConfig.EightBit,
        _ => null,
    };

    /// <summary>Everything that is stored, in the order of the model: matrices of linear layers, and other parameters.</summary>
    internal static IEnumerable<StoredWeight> Weights(Module model)
    {
        foreach (var (path, part) in model.NamedModules(string.Empty))
        {
            var prefix = path.Length == 0 ? string.Empty : path + ".";
            if (part is Linear layer)
            {
                yield return new StoredWeight(prefix + "weight", layer, null);
            }

            foreach (var (name, parameter) in part.Parameters)
            {
                if ((part as Linear)?.Weight.Parameter != parameter)
                {
                    yield return new StoredWeight(prefix + name, null, parameter);
                }
            }
        }
    }

    private static TensorSource Dense(string name, Linear layer, DType dtype) => TensorSource.Computed(
        name, dtype, [layer.Weight.OutputSize, layer.Weight.InputSize], () => AdapterMerge.Weight(layer, dtype));

    private static TensorSource Plain(string name, Parameter parameter, DType? storage) =>
        TensorSource.FromTensor(name, storage ?? parameter.Value.DType, parameter.Value);

    private static DType EmbeddingType(Decoder model) => model.NamedParameters().First().Parameter.Value.DType;

    private static void WriteFiles(List<TensorSource> tensors, string folder, long shardBytes)
    {
        var shards = Split(tensors, shardBytes);
        if (shards.Count == 1)
        {
            SafetensorsWriter.Write(Path.Combine(folder, CheckpointReader.SingleName), tensors, SafetensorsWriter.PyTorchMetadata);
            return;
        }

        var fileOfName = new SortedDictionary<string, JsonNode?>(StringComparer.Ordinal);
        for (var i = 0; i < shards.Count; i++)
        {
            var file = string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:00000}-of-{shards.Count:00000}.safetensors");
            SafetensorsWriter.Write(Path.Combine(folder, file), shards[i], SafetensorsWriter.PyTorchMetadata);
            foreach (var tensor in shards[i])
            {
                fileOfName.Add(tensor.Name, file);
            }
        }

        var index = PythonJson.Write(
        [
            KeyValuePair.Create("metadata", (JsonNode?)new JsonObject { ["total_size"] = tensors.Sum(tensor => tensor.ByteLength) }),
            KeyValuePair.Create("weight_map", (JsonNode?)new JsonObject(fileOfName)),
        ]);
        AtomicFile.WriteText(Path.Combine(folder, CheckpointReader.IndexName), index + "\n");
    }

    private static List<List<TensorSource>> Split(List<TensorSource> tensors, long shardBytes)
    {
        var shards = new List<List<TensorSource>> { new() };
        long filled = 0;
        foreach (var tensor in tensors)
        {
            if (filled > 0 && filled + tensor.ByteLength > shardBytes)
            {
                shards.Add([]);
                filled = 0;
            }

            shards[^1].Add(tensor);
            filled += tensor.ByteLength;
        }

        return shards;
    }
}

/// <summary>Something of a model that a checkpoint stores: the matrix of a linear layer, or another parameter.</summary>
/// <param name="Name">Name in a checkpoint.</param>
/// <param name="Layer">The layer, or null.</param>
/// <param name="Parameter">The parameter, or null.</param>
internal sealed record StoredWeight(string Name, Linear? Layer, Parameter? Parameter);
