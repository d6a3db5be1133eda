using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>
/// A linear layer as bitsandbytes stores it in 8 bits: the codes, a scale a row beside them, and a byte that says how they lie.
/// </summary>
/// <remarks>Source: bitsandbytes/nn/modules.py, <c>Linear8bitLt._save_to_state_dict</c>.</remarks>
internal static class Int8CheckpointTensors
{
    private const string WeightSuffix = "weight";
    private const string MaximaSuffix = "SCB";
    private const string FormatSuffix = "weight_format";

    /// <summary>Whether the weight is stored so.</summary>
    public static bool IsPresent(CheckpointReader reader, string weight) => reader.TryGet(Sibling(weight, MaximaSuffix), out _, out _);

    /// <summary>Reads the layer; adds to the problems and gives null when it does not fit.</summary>
    public static Int8Weight? Read(
        CheckpointReader reader, string weight, long[] shape, Action<string> take, List<Problem> problems, WeightLoading loading)
    {
        using var scope = TensorScope.Enter();
        var values = Find(weight, DType.Int8, shape);
        var maxima = Find(Sibling(weight, MaximaSuffix), DType.Float32, [shape[0]]);
        CheckFormat();
        return values is null || maxima is null
            ? null
            : new Int8Weight(values.ToDevice(loading.Device).Clone(), maxima.ToDevice(loading.Device).Clone());

        Tensor? Find(string name, DType dtype, long[] expected)
        {
            take(name);
            if (!reader.TryGet(name, out var file, out var entry))
            {
                problems.Add(new Problem(reader.Source, $"tensor '{name}' of an 8-bit layer is missing"));
                return null;
            }

            if (entry.DType == dtype && entry.Shape.AsSpan().SequenceEqual(expected))
            {
                return file.ToTensor(entry);
            }

            problems.Add(new Problem(
                file.FilePath, $"tensor '{name}' of an 8-bit layer does not fit", $"{dtype} [{string.Join(", ", expected)}]",
                $"{entry.DType} [{string.Join(", ", entry.Shape)}]"));
            return null;
        }

        void CheckFormat()
        {
            // Files before 0.37 do not say it, and are in row order as well.
            var name = Sibling(weight, FormatSuffix);
            take(name);
            if (reader.TryGet(name, out var file, out var entry) && file.ToTensor(entry).To(DType.Float32).Sum().Item() != 0)
            {
                problems.Add(new Problem(file.FilePath, $"'{name}' says that the 8-bit layer is not in row order", "0"));
            }
        }
    }

    /// <summary>The tensors that store a layer; they read from it when they are written.</summary>
    public static IEnumerable<TensorSource> Sources(string weight, Int8Weight layer)
    {
        yield return TensorSource.FromTensor(weight, DType.Int8, layer.Values);
        yield return TensorSource.FromTensor(Sibling(weight, MaximaSuffix), DType.Float32, layer.RowMaxima);
        yield return TensorSource.FromBytes(Sibling(weight, FormatSuffix), DType.UInt8, [], new byte[1]);
    }

    private static string Sibling(string weight, string suffix) => weight[..^WeightSuffix.Length] + suffix;
}
