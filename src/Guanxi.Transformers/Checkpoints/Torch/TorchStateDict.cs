using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints.Torch;

/// <summary>Turns the value of a pickle, names with tensors, into places in the file; every one is checked against its storage.</summary>
internal sealed class TorchStateDict
{
    private const int MostProblems = 20;

    // Deeper than any optimizer or scheduler; it bounds the recursion that a hostile file can cause.
    private const int DeepestNesting = 8;

    // Characters of all joined names: a list may be recalled any number of times, so that a small file could name more than fits in memory.
    private const long MostCharacters = 1 << 22;

    private readonly string _file;
    private readonly IReadOnlyDictionary<string, FilePlace> _storages;
    private readonly List<Problem> _problems = [];
    private long _characters;

    private TorchStateDict(string file, IReadOnlyDictionary<string, FilePlace> storages)
    {
        _file = file;
        _storages = storages;
    }

    /// <summary>Reads the dictionary.</summary>
    /// <param name="value">What the pickle holds.</param>
    /// <param name="storages">For every key of a storage where its bytes are.</param>
    /// <param name="file">Named in errors.</param>
    /// <returns>The tensors by name, in the order of the dictionary.</returns>
    /// <exception cref="CheckpointException">It is no such dictionary, or tensors lie outside their storages; the first problems are listed.</exception>
    public static OrderedDictionary<string, TensorEntry> Read(object? value, IReadOnlyDictionary<string, FilePlace> storages, string file)
    {
        if (value is not PickleDict dict)
        {
            throw new CheckpointException(new Problem(file, "the pickle holds no weights", "a dictionary of names with tensors", Kind(value)));
        }

        var reader = new TorchStateDict(file, storages);
        var entries = new OrderedDictionary<string, TensorEntry>(dict.Items.Count, StringComparer.Ordinal);
        foreach (var (key, item) in dict.Items)
        {
            reader.Add(key, item, entries);
            if (reader._problems.Count == MostProblems)
            {
                break;
            }
        }

        return reader._problems.Count == 0 ? entries : throw new CheckpointException(reader._problems);
    }

    /// <summary>Reads whatever nests dictionaries and lists: names and numbers of places are joined by dots.</summary>
    /// <param name="value">What the pickle holds.</param>
    /// <param name="storages">For every key of a storage where its bytes are.</param>
    /// <param name="file">Named in errors.</param>
    /// <param name="numbers">Receives the numbers that are no tensors.</param>
    /// <returns>The tensors by joined name; what is neither tensor nor number is left out.</returns>
    /// <exception cref="CheckpointException">It is nested too deeply or too large, or tensors lie outside their storages; the first problems are listed.</exception>
    public static OrderedDictionary<string, TensorEntry> ReadNested(
        object? value, IReadOnlyDictionary<string, FilePlace> storages, string file, Dictionary<string, double> numbers)
    {
        var reader = new TorchStateDict(file, storages);
        var entries = new OrderedDictionary<string, TensorEntry>(StringComparer.Ordinal);
        reader.AddNested(string.Empty, value, entries, numbers, DeepestNesting);
        return reader._problems.Count == 0 ? entries : throw new CheckpointException(reader._problems);
    }

    private void AddNested(
        string path, object? value, OrderedDictionary<string, TensorEntry> entries, Dictionary<string, double> numbers, int depth)
    {
        var parts = value switch
        {
            PickleDict dict => dict.Items,
            IReadOnlyList<object?> list => [.. list.Select((item, i) => ((object?)(long)i, item))],
            _ => null,
        };
        if (parts is null)
        {
            AddLeaf(path, value, entries, numbers);
        }
        else if (depth == 0)
        {
            Report($"{FileErrors.Quote(path)} is nested too deeply", null, null, null);
        }
        else
        {
            foreach (var (key, item) in parts)
            {
                var name = key is not (string or long) ? null : path.Length == 0 ? $"{key}" : $"{path}.{key}";
                if (!IsWithinBounds(name?.Length ?? 0))
                {
                    return;
                }

                if (name is not null)
                {
                    AddNested(name, item, entries, numbers, depth - 1);
                }
            }
        }
    }

    private bool IsWithinBounds(int nameLength)
    {
        var before = _characters;
        _characters += nameLength + 1;
        if (before <= MostCharacters && _characters > MostCharacters)
        {
            Report("the pickle names too many values", $"at most {MostCharacters} characters of joined names", null, null);
        }

        return _characters <= MostCharacters && _problems.Count < MostProblems;
    }

    private void AddLeaf(string path, object? value, OrderedDictionary<string, TensorEntry> entries, Dictionary<string, double> numbers)
    {
        if (value is TorchTensor)
        {
            Add(path, value, entries);
        }
        else if (value is long or double)
        {
            numbers[path] = Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    private void Add(object? key, object? item, OrderedDictionary<string, TensorEntry> entries)
    {
        if (key is not string name)
        {
            Report("a key is no text", null, Kind(key), null);
        }
        else if (item is not TorchTensor tensor)
        {
            var hint = item is PickleDict ? "The weights may lie one level deeper, as in a training checkpoint: save them alone." : null;
            Report($"{FileErrors.Quote(name)} is no tensor", "a tensor", Kind(item), hint);
        }
        else if (Locate(name, tensor) is { } entry && !entries.TryAdd(name, entry))
        {
            Report($"tensor {FileErrors.Quote(name)} occurs twice", null, null, null);
        }
    }

    private TensorEntry? Locate(string name, TorchTensor tensor)
    {
        var label = $"tensor {FileErrors.Quote(name)}";
        var (storage, shape) = (tensor.Storage, tensor.Shape);
        var size = storage.DType.SizeInBytes();
        if (!_storages.TryGetValue(storage.Key, out var place))
        {
            return Report($"storage {FileErrors.Quote(storage.Key)} of {label} is not in the file", null, null, null);
        }

        if ((UInt128)storage.Count * (UInt128)size != (UInt128)place.Length)
        {
            return Report($"the storage of {label} is of another size", $"{storage.Count} x {storage.DType}", $"{place.Length} bytes", null);
        }

        if (shape.Length != tensor.Strides.Length || tensor.Start < 0 || shape.Any(IsNegative) || tensor.Strides.Any(IsNegative))
        {
            return Report($"{label} has an impossible shape", "as many strides as sizes, none negative", Show(tensor), null);
        }

        // Every element once: a view that repeats elements would let a small file ask for any amount of memory.
        if (!SafetensorsHeader.TryByteLength(shape, storage.DType, out var byteLength) || byteLength / size > storage.ViewCount
            || !Reaches(tensor, storage.ViewCount))
        {
            return Report($"{label} reaches past its storage", $"at most {storage.ViewCount} elements", Show(tensor), null);
        }

        var offset = place.Offset + ((storage.ViewStart + (byteLength == 0 ? 0 : tensor.Start)) * size);
        return new TensorEntry(name, storage.DType, shape, offset, byteLength)
        {
            Strides = byteLength == 0 || IsDense(shape, tensor.Strides) ? null : tensor.Strides,
        };
    }

    /// <summary>Whether the last element lies inside; an empty tensor may begin anywhere up to the end.</summary>
    private static bool Reaches(TorchTensor tensor, long count)
    {
        var isEmpty = tensor.Shape.Contains(0);
        var last = (UInt128)tensor.Start;
        for (var i = 0; i < tensor.Shape.Length && !isEmpty && last < (UInt128)count; i++)
        {
            last += (UInt128)(tensor.Shape[i] - 1) * (UInt128)tensor.Strides[i];
        }

        return last < (UInt128)count || (isEmpty && last == (UInt128)count);
    }

    /// <summary>Whether the elements lie row-major without gaps; the stride of a dimension of size 1 says nothing.</summary>
    private static bool IsDense(long[] shape, long[] strides)
    {
        long expected = 1;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            if (shape[i] != 1 && strides[i] != expected)
            {
                return false;
            }

            expected *= shape[i];
        }

        return true;
    }

    private TensorEntry? Report(string what, string? expected, string? found, string? hint)
    {
        _problems.Add(new Problem(_file, what, expected, found, hint));
        return null;
    }

    private static bool IsNegative(long number) => number < 0;

    private static string Show(TorchTensor tensor) =>
        $"[{string.Join(", ", tensor.Shape)}] with strides [{string.Join(", ", tensor.Strides)}] from element {tensor.Start}";

    private static string Kind(object? value) => value switch
    {
        null => "None",
        string => "a text",
        bool or long or double or System.Numerics.BigInteger => "a number",
        object?[] => "a tuple",
        List<object?> => "a list",
        PickleDict => "a dictionary",
        TorchTensor => "a tensor",
        _ => "a part of a tensor",
    };
}
