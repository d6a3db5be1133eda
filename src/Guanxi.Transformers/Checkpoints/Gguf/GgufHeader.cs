using System.Numerics;
using System.Text;
using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints.Gguf;

/// <summary>Reads and checks what stands in front of the tensors of a GGUF file; nothing in it is believed before it is checked.</summary>
/// <remarks>Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.</remarks>
internal sealed class GgufHeader
{
    // Numbers of the types of values.
    public const uint UInt32Type = 4;
    public const uint Int32Type = 5;
    public const uint Float32Type = 6;
    public const uint BoolType = 7;
    public const uint TextType = 8;
    public const uint ArrayType = 9;
    public const uint Int64Type = 11;
    private const uint Float64Type = 12;

    private const int LeastBytes = 24;
    private const int DefaultAlignment = 32;
    private const int MostAlignment = 1 << 16;
    private const int MaxRank = 4;
    private const string AlignmentKey = "general.alignment";

    // A name of one byte and no value to speak of; a name of one byte and one dimension.
    private const int LeastKeyBytes = 14;
    private const int LeastTensorBytes = 33;

    // Far beyond every vocabulary and every template; they bound what a hostile file can make us allocate.
    private const ulong MostElements = 1 << 22;
    private const ulong MostTextBytes = 1 << 20;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly MappedFile _file;
    private readonly MappedReader _reader;
    private readonly OrderedDictionary<string, object> _values = new(StringComparer.Ordinal);
    private readonly OrderedDictionary<string, GgufTensorInfo> _tensors = new(StringComparer.Ordinal);

    private GgufHeader(MappedFile file)
    {
        _file = file;
        _reader = new MappedReader(file, "GGUF header", 0, file.Length);
    }

    /// <summary>The keys and their values.</summary>
    public GgufMetadata Metadata => new(_file.Path, _values);

    /// <summary>The tensors by name, in the order of the header.</summary>
    public OrderedDictionary<string, GgufTensorInfo> Tensors => _tensors;

    /// <summary>Reads a header.</summary>
    /// <exception cref="CheckpointException">The file is no such file, or breaks a rule; the place is named.</exception>
    public static GgufHeader Read(MappedFile file)
    {
        var header = new GgufHeader(file);
        var (tensors, keys) = header.ReadCounts();
        for (ulong i = 0; i < keys; i++)
        {
            header.ReadKey();
        }

        var pending = new List<(GgufTensorInfo Info, ulong Offset)>();
        for (ulong i = 0; i < tensors; i++)
        {
            pending.Add(header.ReadTensor());
        }

        header.Place(pending);
        return header;
    }

    /// <summary>Bytes of a value of fixed size; 0 for texts and arrays, and for numbers of no type.</summary>
    private static int SizeOf(uint type) => type switch
    {
        0 or 1 or BoolType => 1,
        2 or 3 => 2,
        UInt32Type or Int32Type or Float32Type => 4,
        10 or Int64Type or Float64Type => 8,
        _ => 0,
    };

    private (ulong Tensors, ulong Keys) ReadCounts()
    {
        if (_file.Length < LeastBytes || !_reader.Read(4).SequenceEqual("GGUF"u8))
        {
            throw _reader.Fault("this is no GGUF file", "the letters GGUF and a header", null, "The file is damaged or of another kind.");
        }

        var version = _reader.ReadUInt32();
        if (version is not (2 or 3))
        {
            var hint = (version & ushort.MaxValue) == 0 ? "It is in big-endian order: convert it." : "Convert it with a present tool.";
            throw _reader.Fault("this version of the format is not read", "2 or 3", $"{version}", hint);
        }

        var (tensors, keys) = (_reader.ReadUInt64(), _reader.ReadUInt64());
        var room = (ulong)_reader.Remaining;
        if (tensors > room / LeastTensorBytes || keys > room / LeastKeyBytes)
        {
            throw _reader.Fault(
                "the file is too short for what it counts", $"{room} bytes of keys and tensors", $"{tensors} tensors and {keys} keys",
                "The file is damaged or cut off: download it again.");
        }

        return (tensors, keys);
    }

    private void ReadKey()
    {
        var key = ReadText("the name of a key");
        var value = ReadValue(_reader.ReadUInt32(), key);
        if (key.Length == 0 || !_values.TryAdd(key, value))
        {
            throw _reader.Fault(key.Length == 0 ? "a key has no name" : $"the key {FileErrors.Quote(key)} occurs twice");
        }
    }

    private object ReadValue(uint type, string key) => type switch
    {
        TextType => ReadText($"the value of {FileErrors.Quote(key)}"),
        ArrayType => ReadArray(key),
        Float32Type => (double)BitConverter.UInt32BitsToSingle(_reader.ReadUInt32()),
        Float64Type => BitConverter.UInt64BitsToDouble(_reader.ReadUInt64()),
        BoolType => ReadBool(key),
        _ when SizeOf(type) > 0 => ReadWhole(type, key),
        _ => throw _reader.Fault($"the value of {FileErrors.Quote(key)} is of no type of the format", "0 to 12", $"{type}", null),
    };

    private long ReadWhole(uint type, string key) => type switch
    {
        0 => _reader.ReadByte(),
        1 => (sbyte)_reader.ReadByte(),
        2 => _reader.ReadUInt16(),
        3 => (short)_reader.ReadUInt16(),
        UInt32Type => _reader.ReadUInt32(),
        Int32Type => (int)_reader.ReadUInt32(),
        Int64Type => (long)_reader.ReadUInt64(),
        _ => ReadUnsigned(key),
    };

    private long ReadUnsigned(string key)
    {
        var number = _reader.ReadUInt64();
        return number <= long.MaxValue
            ? (long)number
            : throw _reader.Fault($"the value of {FileErrors.Quote(key)} is too large", $"at most {long.MaxValue}", $"{number}", null);
    }

    private bool ReadBool(string key) => _reader.ReadByte() switch
    {
        0 => false,
        1 => true,
        var other => throw _reader.Fault($"the value of {FileErrors.Quote(key)} is no truth value", "0 or 1", $"{other}", null),
    };

    private Array ReadArray(string key)
    {
        var type = _reader.ReadUInt32();
        var least = type == TextType ? sizeof(ulong) : SizeOf(type);
        if (least == 0)
        {
            throw _reader.Fault($"the list {FileErrors.Quote(key)} is of a type that is not read", "numbers or texts", $"type {type}",
                null);
        }

        var count = _reader.ReadUInt64();
        var most = Math.Min(MostElements, (ulong)(_reader.Remaining / least));
        if (count > most)
        {
            throw _reader.Fault($"the list {FileErrors.Quote(key)} is too long", $"at most {most} elements", $"{count}", null);
        }

        var element = $"an element of {FileErrors.Quote(key)}";
        return type switch
        {
            TextType => Fill(count, () => ReadText(element)),
            BoolType => Fill(count, () => ReadBool(key)),
            Float32Type or Float64Type => Fill(count, () => (double)ReadValue(type, key)),
            _ => Fill(count, () => ReadWhole(type, key)),
        };
    }

    private static T[] Fill<T>(ulong count, Func<T> read)
    {
        var list = new T[count];
        for (var i = 0; i < list.Length; i++)
        {
            list[i] = read();
        }

        return list;
    }

    private string ReadText(string what)
    {
        var length = _reader.ReadUInt64();
        if (length > Math.Min(MostTextBytes, (ulong)_reader.Remaining))
        {
            throw _reader.Fault($"{what} is too long", $"at most {Math.Min(MostTextBytes, (ulong)_reader.Remaining)} bytes", $"{length}",
                null);
        }

        try
        {
            if (length <= MappedReader.LongestRead)
            {
                return s_strict.GetString(_reader.Read((long)length));
            }

            var bytes = new byte[length];
            for (var done = 0; done < bytes.Length;)
            {
                var part = _reader.Read(Math.Min(MappedReader.LongestRead, bytes.Length - done));
                part.CopyTo(bytes.AsSpan(done));
                done += part.Length;
            }

            return s_strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw _reader.Fault($"{what} is not UTF-8");
        }
    }

    private (GgufTensorInfo Info, ulong Offset) ReadTensor()
    {
        var name = ReadText("the name of a tensor");
        var label = $"tensor {FileErrors.Quote(name)}";
        var rank = _reader.ReadUInt32();
        if (name.Length == 0 || rank is 0 or > MaxRank)
        {
            throw _reader.Fault(name.Length == 0 ? "a tensor has no name" : $"{label} has an impossible rank", $"1 to {MaxRank}",
                $"{rank}", null);
        }

        var shape = new long[rank];
        UInt128 count = 1;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            var size = _reader.ReadUInt64();
            count *= size;
            if (size == 0 || count > (UInt128)(_file.Length * 8))
            {
                throw _reader.Fault($"{label} has an impossible size", $"1 to {_file.Length * 8} elements",
                    $"{size} along dimension {shape.Length - 1 - i}", null);
            }

            shape[i] = (long)size;
        }

        var type = TypeOf(_reader.ReadUInt32(), label);
        var block = GgmlBlocks.ElementsOf(type);
        if (shape[^1] % block != 0)
        {
            throw _reader.Fault($"rows of {label} are no whole blocks", $"a multiple of {block}", $"{shape[^1]}", null);
        }

        var bytes = (long)count / block * GgmlBlocks.BytesOf(type);
        return (new GgufTensorInfo(name, type, shape, 0, bytes), _reader.ReadUInt64());
    }

    private GgmlType TypeOf(uint number, string label) => Enum.IsDefined((GgmlType)number)
        ? (GgmlType)number
        : throw _reader.Fault(
            $"{label} is stored in a way that is not read", string.Join(", ", Enum.GetNames<GgmlType>()), $"type {number}",
            "Take the same model in one of these.");

    /// <summary>Finds the data behind the header, and every tensor in it.</summary>
    private void Place(List<(GgufTensorInfo Info, ulong Offset)> pending)
    {
        var alignment = _values.TryGetValue(AlignmentKey, out var given) ? (given as long?) ?? 0 : DefaultAlignment;
        if (alignment is < 1 or > MostAlignment || !BitOperations.IsPow2(alignment))
        {
            throw _reader.Fault($"{AlignmentKey} is unusable", $"a power of two up to {MostAlignment}", $"{given}", null);
        }

        var start = (_reader.Position + alignment - 1) / alignment * alignment;
        var room = Math.Max(0, _file.Length - start);
        foreach (var (info, offset) in pending)
        {
            var label = $"tensor {FileErrors.Quote(info.Name)}";
            if (offset % (ulong)alignment != 0)
            {
                throw _reader.Fault($"{label} is not aligned", $"a multiple of {alignment}", $"{offset}", null);
            }

            if (info.ByteLength > room || offset > (ulong)(room - info.ByteLength))
            {
                throw _reader.Fault(
                    $"{label} lies outside the file", $"{info.ByteLength} bytes inside the {room} of data", $"at {offset}",
                    "The file is damaged or cut off: download it again.");
            }

            if (!_tensors.TryAdd(info.Name, info with { Offset = start + (long)offset }))
            {
                throw _reader.Fault($"{label} occurs twice");
            }
        }

        RefuseOverlaps();
    }

    private void RefuseOverlaps()
    {
        long free = 0;
        foreach (var info in _tensors.Values.OrderBy(info => info.Offset))
        {
            if (info.Offset < free)
            {
                throw _reader.Fault($"tensor {FileErrors.Quote(info.Name)} overlaps another", $"byte {free} or later", $"{info.Offset}",
                    "Do not use this checkpoint.");
            }

            free = info.Offset + info.ByteLength;
        }
    }
}
