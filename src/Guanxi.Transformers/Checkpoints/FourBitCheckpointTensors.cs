using System.Globalization;
using System.Text;
using System.Text.Json;
using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>A linear layer as bitsandbytes stores it in 4 bits: several tensors and a JSON text, all named after the weight.</summary>
internal static class FourBitCheckpointTensors
{
    private const string StateSuffix = ".quant_state.bitsandbytes__";
    private const int BlockSize = FourBitWeight.BlockSize;
    private const int NestedBlockSize = FourBitWeight.NestedBlockSize;
    private const int TableSize = 16;
    private const int NestedMapSize = 256;
    private const int MaxStateBytes = 4096;

    private static readonly (FourBitKind Kind, string Name)[] s_kinds = [(FourBitKind.Nf4, "nf4"), (FourBitKind.Fp4, "fp4")];

    public static bool IsPresent(CheckpointReader reader, string weight) => KindOf(reader, weight) is not null;

    /// <summary>bitsandbytes' name of a kind.</summary>
    public static string NameOf(FourBitKind kind) => Array.Find(s_kinds, item => item.Kind == kind).Name;

    /// <summary>Reads the layer; adds to the problems and gives null when it does not fit.</summary>
    public static LinearWeight? Read(
        CheckpointReader reader, string weight, long[] shape, Action<string> take, List<Problem> problems, WeightLoading loading)
    {
        var parts = new Parts(reader, weight, take, problems);
        var kind = KindOf(reader, weight)!.Value;
        var state = ReadState(reader, weight + StateSuffix + NameOf(kind), take, problems);
        if (state is null || !Fits(state, kind, weight, shape, reader, problems))
        {
            parts.TakeAll();
            return null;
        }

        var elements = shape[0] * shape[1];
        var blocks = (elements + BlockSize - 1) / BlockSize;
        var isNested = state.NestedOffset is not null;
        var packed = parts.Packed((elements + 1) / 2);
        var table = parts.Find(".quant_map", DType.Float32, TableSize);
        var maxima = parts.Find(".absmax", isNested ? DType.UInt8 : DType.Float32, blocks);
        var scales = isNested ? parts.Find(".nested_absmax", DType.Float32, (blocks + NestedBlockSize - 1) / NestedBlockSize) : null;
        var map = isNested ? parts.Find(".nested_quant_map", DType.Float32, NestedMapSize) : null;
        if (packed is null || table is null || maxima is null || (isNested && (scales is null || map is null)))
        {
            return null;
        }

        if (!table.ToArray<float>().AsSpan().SequenceEqual(FourBitTensor.TableOf(kind)))
        {
            problems.Add(new Problem(reader.Source, $"'{weight}.quant_map' is not the table of {NameOf(kind).ToUpperInvariant()}"));
            return null;
        }

        var nested = isNested ? new NestedMaxima(scales!.Clone(), map!.Clone(), state.NestedOffset!.Value) : null;
        var layer = new FourBitTensor(kind, shape, state.OriginalType, packed.Clone(), maxima.Clone(), nested);
        return new FourBitWeight(layer.MoveTo(loading.Device), loading.AuthorComputeType);
    }

    /// <summary>The tensors that store a layer; they read from it when they are written.</summary>
    public static IEnumerable<TensorSource> Sources(string weight, FourBitTensor layer)
    {
        yield return TensorSource.FromTensor(weight, DType.UInt8, layer.Packed);
        yield return TensorSource.FromTensor(weight + ".absmax", layer.Maxima.DType, layer.Maxima);
        yield return TensorSource.Computed(
            weight + ".quant_map", DType.Float32, [TableSize], () => Tensor.From(FourBitTensor.TableOf(layer.Kind), TableSize));
        if (layer.Nested is { } nested)
        {
            yield return TensorSource.FromTensor(weight + ".nested_absmax", DType.Float32, nested.Scales);
            yield return TensorSource.FromTensor(weight + ".nested_quant_map", DType.Float32, nested.Map);
        }

        var state = Encoding.UTF8.GetBytes(StateText(layer));
        yield return TensorSource.FromBytes(weight + StateSuffix + NameOf(layer.Kind), DType.UInt8, [state.Length], state);
    }

    // Python's json.dumps with its default separators, keys in the order in which bitsandbytes packs them.
    private static string StateText(FourBitTensor layer)
    {
        var dtype = DTypeNames.PythonOf(layer.OriginalType);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture,
            $"{{\"quant_type\": \"{NameOf(layer.Kind)}\", \"blocksize\": {BlockSize}, \"dtype\": \"{dtype}\"");
        text.Append(", \"shape\": [").AppendJoin(", ", layer.Shape.ToArray()).Append(']');
        if (layer.Nested is { } nested)
        {
            var offset = PythonJson.Float(nested.Offset).ToJsonString();
            text.Append(CultureInfo.InvariantCulture, $", \"nested_blocksize\": {NestedBlockSize}, \"nested_dtype\": \"float32\"");
            text.Append(CultureInfo.InvariantCulture, $", \"nested_offset\": {offset}");
        }

        return text.Append('}').ToString();
    }

    private static FourBitKind? KindOf(CheckpointReader reader, string weight)
    {
        foreach (var (kind, name) in s_kinds)
        {
            if (reader.TryGet(weight + StateSuffix + name, out _, out _))
            {
                return kind;
            }
        }

        return null;
    }

    private static State? ReadState(CheckpointReader reader, string name, Action<string> take, List<Problem> problems)
    {
        take(name);
        _ = reader.TryGet(name, out var file, out var entry);
        try
        {
            if (entry!.ByteLength > MaxStateBytes)
            {
                throw new JsonException($"it has {entry.ByteLength} bytes");
            }

            using var document = JsonDocument.Parse(file!.ReadBytes(name));
            return Parse(document.RootElement);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            problems.Add(new Problem(
                file!.FilePath, $"'{name}' is not the JSON that describes a 4-bit layer", Found: error.Message.TrimEnd('.')));
            return null;
        }
    }

    private static State Parse(JsonElement root)
    {
        var name = root.GetProperty("dtype").GetString();
        var dtype = DTypeNames.FromPython(name) ?? throw new JsonException($"dtype {FileErrors.Quote(name ?? "null")}");
        float? offset = null;
        if (root.TryGetProperty("nested_offset", out var value))
        {
            offset = value.GetSingle();
            if (!float.IsFinite(offset.Value) || root.GetProperty("nested_blocksize").GetInt32() != NestedBlockSize)
            {
                throw new JsonException($"the second level is not in blocks of {NestedBlockSize} around a number");
            }
        }

        return new State(
            root.GetProperty("quant_type").GetString(),
            root.GetProperty("blocksize").GetInt32(),
            dtype,
            [.. root.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())],
            offset);
    }

    private static bool Fits(State state, FourBitKind kind, string weight, long[] shape, CheckpointReader reader, List<Problem> problems)
    {
        if (state.QuantType == NameOf(kind) && state.BlockSize == BlockSize && state.Shape.AsSpan().SequenceEqual(shape))
        {
            return true;
        }

        problems.Add(new Problem(
            reader.Source,
            $"the 4-bit layer '{weight}' is of another kind or shape",
            $"{NameOf(kind)}, blocks of {BlockSize}, [{string.Join(", ", shape)}]",
            $"{state.QuantType}, blocks of {state.BlockSize}, [{string.Join(", ", state.Shape)}]"));
        return false;
    }

    private sealed record State(string? QuantType, int BlockSize, DType OriginalType, long[] Shape, float? NestedOffset);

    /// <summary>The tensors of one layer, still in the mapped file.</summary>
    private sealed class Parts(CheckpointReader reader, string weight, Action<string> take, List<Problem> problems)
    {
        /// <summary>The packed bytes, under whatever element type the author stored them (<c>bnb_4bit_quant_storage</c>).</summary>
        public Tensor? Packed(long bytes) => Find(
            string.Empty, entry => entry.ByteLength == bytes, $"{bytes} bytes", entry => (DType.UInt8, [bytes, 1]));

        public Tensor? Find(string suffix, DType dtype, long count) => Find(
            suffix, entry => entry.DType == dtype && entry.ElementCount == count, $"{count} x {dtype}", entry => (dtype, entry.Shape));

        /// <summary>Counts all parts as read, so that one damaged layer is not told again as tensors too many.</summary>
        public void TakeAll()
        {
            foreach (var suffix in new[] { string.Empty, ".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map" })
            {
                take(weight + suffix);
            }
        }

        private Tensor? Find(
            string suffix, Func<TensorEntry, bool> fits, string expected, Func<TensorEntry, (DType DType, long[] Shape)> form)
        {
            take(weight + suffix);
            if (!reader.TryGet(weight + suffix, out var file, out var entry))
            {
                problems.Add(new Problem(reader.Source, $"tensor '{weight}{suffix}' of a 4-bit layer is missing"));
                return null;
            }

            if (!entry.IsInOrder || !fits(entry))
            {
                problems.Add(new Problem(
                    file.FilePath, $"tensor '{weight}{suffix}' of a 4-bit layer does not fit", expected,
                    $"{entry.ElementCount} x {entry.DType}"));
                return null;
            }

            var (dtype, shape) = form(entry);
            return file.ToTensor(entry with { DType = dtype, Shape = shape });
        }
    }
}
