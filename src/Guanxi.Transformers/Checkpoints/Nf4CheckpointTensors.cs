using System.Text.Json;
using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>A linear layer as bitsandbytes stores it in 4 bits: several tensors and a JSON text, all named after the weight.</summary>
internal static class Nf4CheckpointTensors
{
    private const string StateSuffix = ".quant_state.bitsandbytes__nf4";
    private const int BlockSize = 64;
    private const int NestedBlockSize = 256;

    public static bool IsPresent(CheckpointReader reader, string weight) => reader.TryGet(weight + StateSuffix, out _, out _);

    /// <summary>Reads the layer; adds to the problems and gives null when it does not fit.</summary>
    public static LinearWeight? Read(
        CheckpointReader reader, string weight, long[] shape, Action<string> take, List<Problem> problems, Device device)
    {
        var state = ReadState(reader, weight, take, problems);
        if (state is null || !Fits(state, weight, shape, reader, problems))
        {
            return null;
        }

        var elements = shape[0] * shape[1];
        var blocks = (elements + BlockSize - 1) / BlockSize;
        var isNested = state.NestedOffset is not null;
        var packed = Part(string.Empty, DType.UInt8, (elements + 1) / 2);
        _ = Part(".quant_map", DType.Float32, 16);
        var maxima = Part(".absmax", isNested ? DType.UInt8 : DType.Float32, blocks);
        var scales = isNested ? Part(".nested_absmax", DType.Float32, (blocks + NestedBlockSize - 1) / NestedBlockSize) : null;
        var map = isNested ? Part(".nested_quant_map", DType.Float32, 256) : null;
        if (packed is null || maxima is null || (isNested && (scales is null || map is null)))
        {
            return null;
        }

        var nested = isNested ? new NestedMaxima(scales!.Clone(), map!.Clone(), state.NestedOffset!.Value) : null;
        return new Nf4Weight(new Nf4Tensor(shape, state.OriginalType, packed.Clone(), maxima.Clone(), nested).MoveTo(device));

        Tensor? Part(string suffix, DType dtype, long count)
        {
            take(weight + suffix);
            if (!reader.TryGet(weight + suffix, out var file, out var entry))
            {
                problems.Add(new Problem(reader.Source, $"tensor '{weight}{suffix}' of a 4-bit layer is missing"));
                return null;
            }

            if (entry.DType != dtype || entry.ElementCount != count)
            {
                problems.Add(new Problem(
                    file.FilePath, $"tensor '{weight}{suffix}' of a 4-bit layer does not fit", $"{count} x {dtype}", $"{entry.ElementCount} x {entry.DType}"));
                return null;
            }

            return Tensor.FromMemory(file.Buffer, entry.Offset, entry.DType, entry.Shape);
        }
    }

    private static State? ReadState(CheckpointReader reader, string weight, Action<string> take, List<Problem> problems)
    {
        var name = weight + StateSuffix;
        take(name);
        _ = reader.TryGet(name, out var file, out _);
        try
        {
            using var document = JsonDocument.Parse(file!.ReadBytes(name));
            var root = document.RootElement;
            return new State(
                root.GetProperty("quant_type").GetString(),
                root.GetProperty("blocksize").GetInt32(),
                root.GetProperty("dtype").GetString() switch
                {
                    "bfloat16" => DType.BFloat16,
                    "float16" => DType.Float16,
                    _ => DType.Float32,
                },
                [.. root.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())],
                root.TryGetProperty("nested_offset", out var offset) ? offset.GetSingle() : null);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            problems.Add(new Problem(file!.FilePath, $"'{name}' is not the JSON that describes a 4-bit layer: {error.Message}"));
            return null;
        }
    }

    private static bool Fits(State state, string weight, long[] shape, CheckpointReader reader, List<Problem> problems)
    {
        if (state.QuantType == "nf4" && state.BlockSize == BlockSize && state.Shape.AsSpan().SequenceEqual(shape))
        {
            return true;
        }

        problems.Add(new Problem(
            reader.Source,
            $"the 4-bit layer '{weight}' is of another kind or shape",
            $"nf4, blocks of {BlockSize}, [{string.Join(", ", shape)}]",
            $"{state.QuantType}, blocks of {state.BlockSize}, [{string.Join(", ", state.Shape)}]"));
        return false;
    }

    private sealed record State(string? QuantType, int BlockSize, DType OriginalType, long[] Shape, float? NestedOffset);
}
