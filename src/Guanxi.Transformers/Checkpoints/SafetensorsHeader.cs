using System.Text.Json;
using System.Text.Unicode;
using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>Parses and checks the JSON header of a safetensors file; nothing in it is believed before it is checked.</summary>
/// <remarks>
/// Format: https://github.com/huggingface/safetensors. Stricter than the reference library in one point: a name that
/// occurs twice is refused, because two readers could take different tensors.
/// </remarks>
internal sealed class SafetensorsHeader
{
    /// <summary>The key of the header that is no tensor.</summary>
    public const string MetadataKey = "__metadata__";

    // No real tensor comes near; it bounds what a hostile shape can make us allocate.
    private const int MaxRank = 64;

    private readonly string _file;
    private readonly long _dataStart;
    private readonly long _dataLength;
    private readonly List<TensorEntry> _entries = [];

    private SafetensorsHeader(string file, long dataStart, long dataLength)
    {
        _file = file;
        _dataStart = dataStart;
        _dataLength = dataLength;
    }

    /// <summary>Tensors by name, in the order of their bytes in the file.</summary>
    public OrderedDictionary<string, TensorEntry> Entries { get; private set; } = [];

    /// <summary>The <c>__metadata__</c> object; empty when absent.</summary>
    public OrderedDictionary<string, string> Metadata { get; } = [];

    /// <summary>Parses a header.</summary>
    /// <param name="json">The header bytes, padding included.</param>
    /// <param name="dataStart">File offset of the data section.</param>
    /// <param name="dataLength">Bytes of the data section.</param>
    /// <param name="file">Named in errors.</param>
    /// <exception cref="CheckpointException">The header breaks a rule of the format.</exception>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long dataStart, long dataLength, string file)
    {
        var header = new SafetensorsHeader(file, dataStart, dataLength);
        if (!Utf8.IsValid(json))
        {
            throw header.Fault("the header is not UTF-8");
        }

        try
        {
            var reader = new Utf8JsonReader(json);
            header.ReadRoot(ref reader);
        }
        catch (JsonException error)
        {
            throw new CheckpointException(new Problem(file, "the header is not valid JSON", Found: error.Message.TrimEnd('.')), error);
        }
        catch (InvalidOperationException error)
        {
            // The reader answers so to an escaped half of a surrogate pair, which is JSON but not text.
            throw new CheckpointException(new Problem(file, "a string in the header holds half a surrogate pair"), error);
        }

        header.CheckLayout();
        return header;
    }

    /// <summary>Bytes of a tensor; false when they are more than a long holds.</summary>
    /// <remarks>Zero dimensions count as one for that: strides are computed from the other dimensions all the same.</remarks>
    public static bool TryByteLength(long[] shape, DType dtype, out long byteLength)
    {
        UInt128 product = (UInt128)dtype.SizeInBytes();
        var empty = false;
        foreach (var size in shape)
        {
            empty |= size == 0;
            product *= (UInt128)Math.Max(size, 1);
            if (product > (UInt128)long.MaxValue)
            {
                byteLength = 0;
                return false;
            }
        }

        byteLength = empty ? 0 : (long)product;
        return true;
    }

    private void ReadRoot(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, "the header", null);
        while (NextKey(ref reader, "the header", null) is { } name)
        {
            if (name == MetadataKey)
            {
                ReadMetadata(ref reader);
            }
            else
            {
                _entries.Add(ReadEntry(ref reader, name));
            }
        }

        // Anything but white space after the object makes this throw.
        _ = reader.Read();
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, MetadataKey, null);
        while (NextKey(ref reader, MetadataKey, null) is { } key)
        {
            Expect(ref reader, JsonTokenType.String, "a value of __metadata__", null);
            if (!Metadata.TryAdd(key, reader.GetString()!))
            {
                throw Fault($"the metadata key {FileErrors.Quote(key)} occurs twice");
            }
        }
    }

    private TensorEntry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        string? dtype = null;
        long[]? shape = null;
        long[]? offsets = null;
        Expect(ref reader, JsonTokenType.StartObject, "the entry", name);
        while (NextKey(ref reader, "the entry", name) is { } key)
        {
            switch (key)
            {
                case "dtype" when dtype is null:
                    Expect(ref reader, JsonTokenType.String, key, name);
                    dtype = reader.GetString()!;
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(ref reader, name, key);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(ref reader, name, key);
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw Fault($"{Label(name)} has the key {key} twice");
                default:
                    // Reference readers pass over keys that they do not know.
                    _ = reader.Read();
                    reader.Skip();
                    break;
            }
        }

        if (dtype is null || shape is null || offsets is not [var begin, var end])
        {
            throw Fault($"{Label(name)} needs dtype, shape and two data_offsets");
        }

        return MakeEntry(name, dtype, shape, begin, end);
    }

    private TensorEntry MakeEntry(string name, string dtypeName, long[] shape, long begin, long end)
    {
        if (!SafetensorsDTypes.TryParse(dtypeName, out var dtype))
        {
            throw Fault(
                $"{Label(name)} has an element type that is not supported", SafetensorsDTypes.Supported, FileErrors.Quote(dtypeName));
        }

        if (!TryByteLength(shape, dtype, out var byteLength))
        {
            throw Fault($"the shape of {Label(name)} overflows", null, $"[{string.Join(", ", shape)}]");
        }

        if (begin > end || end > _dataLength)
        {
            throw new CheckpointException(new Problem(
                _file, $"{Label(name)} lies outside the data", $"0 <= begin <= end <= {_dataLength}", $"[{begin}, {end}]",
                "The file was cut off or is damaged: copy it again."));
        }

        if (byteLength != end - begin)
        {
            throw Fault($"shape and type of {Label(name)} do not fit its bytes", $"{byteLength} bytes", $"{end - begin} bytes");
        }

        return new TensorEntry(name, dtype, shape, _dataStart + begin, byteLength);
    }

    private void CheckLayout()
    {
        Entries = new OrderedDictionary<string, TensorEntry>(_entries.Count);
        var next = _dataStart;
        foreach (var entry in _entries.OrderBy(entry => entry.Offset).ThenBy(entry => entry.ByteLength))
        {
            if (entry.Offset != next)
            {
                var fault = entry.Offset > next ? "there is a hole in front of" : "bytes of an earlier tensor overlap";
                throw Fault($"{fault} {Label(entry.Name)}", $"begin at byte {next - _dataStart}", $"{entry.Offset - _dataStart}");
            }

            if (!Entries.TryAdd(entry.Name, entry))
            {
                throw Fault($"{Label(entry.Name)} occurs twice");
            }

            next += entry.ByteLength;
        }

        if (next != _dataStart + _dataLength)
        {
            throw Fault("bytes follow the last tensor", $"{next - _dataStart} bytes of data", $"{_dataLength}");
        }
    }

    // Here and below the words of the message come apart: joined for every key they would be most of the time and memory.
    private string? NextKey(ref Utf8JsonReader reader, string part, string? tensor)
    {
        _ = reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.EndObject => null,
            JsonTokenType.PropertyName => reader.GetString()!,
            _ => throw Fault($"{Join(part, tensor)} ends early"),
        };
    }

    private long[] ReadNumbers(ref Utf8JsonReader reader, string name, string key)
    {
        Expect(ref reader, JsonTokenType.StartArray, key, name);
        Span<long> numbers = stackalloc long[MaxRank];
        var count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var number) || number < 0)
            {
                throw Fault($"{key} of {Label(name)} holds something else than a whole number from 0 to {long.MaxValue}");
            }

            if (count == MaxRank)
            {
                throw Fault($"{key} of {Label(name)} is too long", $"at most {MaxRank} numbers");
            }

            numbers[count++] = number;
        }

        return numbers[..count].ToArray();
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType type, string part, string? tensor)
    {
        if (!reader.Read() || reader.TokenType != type)
        {
            throw Fault($"{Join(part, tensor)} is not what the format asks for", type.ToString(), reader.TokenType.ToString());
        }
    }

    private CheckpointException Fault(string what, string? expected = null, string? found = null) =>
        new(new Problem(_file, what, expected, found));

    private static string Join(string part, string? tensor) => tensor is null ? part : $"{part} of {Label(tensor)}";

    private static string Label(string name) => "tensor " + FileErrors.Quote(name);
}
