using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints.Torch;

/// <summary>What a pickle of tensors may call.</summary>
internal enum TorchCall
{
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
}

/// <summary>A storage as a pickle refers to it.</summary>
/// <param name="Key">Its name in the file.</param>
/// <param name="DType">Type of its elements.</param>
/// <param name="Count">Number of its elements, as claimed.</param>
/// <param name="ViewStart">First element of the part that tensors see.</param>
/// <param name="ViewCount">Elements of that part.</param>
internal sealed record TorchStorage(string Key, DType DType, long Count, long ViewStart, long ViewCount);

/// <summary>A tensor as a pickle describes it; nothing of it is checked against the storage yet.</summary>
/// <param name="Storage">Where its elements are.</param>
/// <param name="Start">First element in the part of the storage.</param>
/// <param name="Shape">Size of each dimension.</param>
/// <param name="Strides">Elements from one index to the next, for each dimension.</param>
internal sealed record TorchTensor(TorchStorage Storage, long Start, long[] Shape, long[] Strides);

/// <summary>The whole list of functions and classes that a pickle may name, and what is made of them. None is run: they are only recognised.</summary>
/// <remarks>Source: torch/_utils.py and torch/serialization.py (persistent ids), unchanged in what matters from torch 0.4 to 2.13.</remarks>
internal static class TorchObjects
{
    // No real tensor comes near; it bounds what a hostile shape can make us allocate.
    private const int MaxRank = 64;

    private static readonly Dictionary<(string Module, string Name), object> s_allowed = new()
    {
        [("collections", "OrderedDict")] = TorchCall.OrderedDict,
        [("torch._utils", "_rebuild_tensor_v2")] = TorchCall.RebuildTensor,
        [("torch._utils", "_rebuild_parameter")] = TorchCall.RebuildParameter,
        [("torch", "DoubleStorage")] = DType.Float64,
        [("torch", "FloatStorage")] = DType.Float32,
        [("torch", "HalfStorage")] = DType.Float16,
        [("torch", "BFloat16Storage")] = DType.BFloat16,
        [("torch", "LongStorage")] = DType.Int64,
        [("torch", "IntStorage")] = DType.Int32,
        [("torch", "ShortStorage")] = DType.Int16,
        [("torch", "CharStorage")] = DType.Int8,
        [("torch", "ByteStorage")] = DType.UInt8,
        [("torch", "BoolStorage")] = DType.Bool,
    };

    /// <summary>Recognises a function or class: a <see cref="TorchCall"/>, or the <see cref="DType"/> of a kind of storage.</summary>
    /// <exception cref="CheckpointException">It is not on the list.</exception>
    public static object Global(string module, string name, MappedReader input) => s_allowed.TryGetValue((module, name), out var known)
        ? known
        : throw input.Fault(
            "the pickle asks for a function or class that is not allowed",
            "what tensors are made of",
            FileErrors.Quote($"{module}.{name}"),
            "It was not run. Use this checkpoint only if you trust its author, and then as safetensors.");

    /// <summary>Reads what torch.save puts in the place of a storage.</summary>
    /// <param name="id">The persistent id.</param>
    /// <param name="storages">Receives the storage, or has it already: then both must agree.</param>
    /// <param name="input">Where the pickle is, for errors.</param>
    /// <exception cref="CheckpointException">It is something else, or contradicts an earlier one.</exception>
    public static TorchStorage Storage(object? id, Dictionary<string, TorchStorage> storages, MappedReader input)
    {
        if (id is not object?[] parts || parts is not (["storage", DType, string, string, long] or ["storage", DType, string, string, long, _]))
        {
            throw input.Fault("the pickle refers to something outside that is no storage");
        }

        var (dtype, key, count) = ((DType)parts[1]!, (string)parts[2]!, (long)parts[4]!);
        var view = parts.Length == 6 ? parts[5] : null;
        var (start, length) = view switch
        {
            null => (0, count),
            object?[] and [string, long from, long many] => (from, many),
            _ => throw input.Fault($"the part of storage {FileErrors.Quote(key)} is not described as torch does it"),
        };
        if (count < 0 || start < 0 || length < 0 || start > count - length)
        {
            throw input.Fault($"storage {FileErrors.Quote(key)} has an impossible size", null, $"{length} elements at {start} of {count}", null);
        }

        var storage = new TorchStorage(key, dtype, count, start, length);
        if (!storages.TryAdd(key, storage) && (storages[key].DType, storages[key].Count) != (dtype, count))
        {
            throw input.Fault($"storage {FileErrors.Quote(key)} is described in two ways");
        }

        return storage;
    }

    /// <summary>Makes what a call would give.</summary>
    /// <exception cref="CheckpointException">The call is not one that torch writes.</exception>
    public static object Call(object? function, object? arguments, MappedReader input) => (function, arguments) switch
    {
        (TorchCall.OrderedDict, object?[] and []) => new PickleDict(),
        (TorchCall.RebuildTensor, object?[] and ([TorchStorage, long, object?[], object?[], bool, PickleDict]
            or [TorchStorage, long, object?[], object?[], bool, PickleDict, null])) => Tensor((object?[])arguments!, input),
        (TorchCall.RebuildParameter, object?[] and [TorchTensor data, bool, PickleDict]) => data,
        _ => throw input.Fault("the pickle makes a call that is not one of torch's", null, function is TorchCall call ? $"{call}" : null, null),
    };

    private static TorchTensor Tensor(object?[] arguments, MappedReader input) => new(
        (TorchStorage)arguments[0]!, (long)arguments[1]!, Numbers((object?[])arguments[2]!, input), Numbers((object?[])arguments[3]!, input));

    private static long[] Numbers(object?[] values, MappedReader input) => values.Length <= MaxRank && values.All(value => value is long)
        ? Array.ConvertAll(values, value => (long)value!)
        : throw input.Fault("a shape is no list of whole numbers", $"at most {MaxRank} of 64 bits", null, null);
}
