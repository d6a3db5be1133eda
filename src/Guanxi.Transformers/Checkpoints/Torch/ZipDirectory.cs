using System.Buffers.Binary;
using System.Text;

namespace Guanxi.Transformers.Checkpoints.Torch;

/// <summary>Where bytes lie in a file.</summary>
/// <param name="Offset">Bytes from the beginning of the file.</param>
/// <param name="Length">Bytes.</param>
internal readonly record struct FilePlace(long Offset, long Length);

/// <summary>The members of a zip archive whose members are all stored uncompressed, so that they can be used where they lie.</summary>
/// <remarks>
/// Format: PKWARE APPNOTE 6.3, with the 64-bit records. Stricter than other readers, because two readers must not see two archives in
/// one file: the directory ends where its end records begin, those end with the file, names are unique and stay inside, and
/// no two members share a byte.
/// </remarks>
internal sealed class ZipDirectory
{
    private const uint LocalSignature = 0x04034b50;
    private const uint EntrySignature = 0x02014b50;
    private const int EntryBytes = 46;
    private const int LocalBytes = 30;
    private const int Encrypted = 1;
    private const int SizesFollow = 8;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly MappedFile _file;
    private readonly ZipEnd _end;
    private readonly Dictionary<string, FilePlace> _places = new(StringComparer.Ordinal);
    private readonly List<Entry> _entries = [];

    private ZipDirectory(MappedFile file, ZipEnd end)
    {
        _file = file;
        _end = end;
    }

    /// <summary>Reads and checks the directory.</summary>
    /// <returns>For every name the place of its bytes.</returns>
    /// <exception cref="CheckpointException">The file is no such archive, or breaks a rule.</exception>
    public static IReadOnlyDictionary<string, FilePlace> Read(MappedFile file)
    {
        var directory = new ZipDirectory(file, ZipEnd.Read(file));
        directory.ReadEntries();
        directory.FindData();
        return directory._places;
    }

    private void ReadEntries()
    {
        var reader = new MappedReader(_file, "zip directory", _end.DirectoryStart, _end.DirectoryEnd);
        for (ulong i = 0; i < _end.Count; i++)
        {
            var entry = ReadEntry(reader);
            if (!_places.TryAdd(entry.Name, default))
            {
                throw reader.Fault($"member {FileErrors.Quote(entry.Name)} occurs twice");
            }

            _entries.Add(entry);
        }

        if (reader.Remaining > 0)
        {
            throw reader.Fault("bytes follow the last entry");
        }
    }

    private Entry ReadEntry(MappedReader reader)
    {
        var head = reader.Read(EntryBytes);
        if (BinaryPrimitives.ReadUInt32LittleEndian(head) != EntrySignature)
        {
            throw reader.Fault("an entry does not begin with its signature");
        }

        var flags = BinaryPrimitives.ReadUInt16LittleEndian(head[8..]);
        var method = BinaryPrimitives.ReadUInt16LittleEndian(head[10..]);
        ulong packed = BinaryPrimitives.ReadUInt32LittleEndian(head[20..]);
        ulong size = BinaryPrimitives.ReadUInt32LittleEndian(head[24..]);
        var nameLength = BinaryPrimitives.ReadUInt16LittleEndian(head[28..]);
        var extraLength = BinaryPrimitives.ReadUInt16LittleEndian(head[30..]);
        var commentLength = BinaryPrimitives.ReadUInt16LittleEndian(head[32..]);
        ulong start = BinaryPrimitives.ReadUInt32LittleEndian(head[42..]);

        var name = ReadName(reader, nameLength);
        Widen(reader.Read(extraLength), ref size, ref packed, ref start, reader);
        _ = reader.Read(commentLength);
        var label = $"member {FileErrors.Quote(name)}";
        if (method != 0 || (flags & Encrypted) != 0 || packed != size)
        {
            throw reader.Fault(
                $"{label} is compressed or encrypted", "stored bytes, as torch.save writes them", $"method {method}, {packed} bytes for {size}",
                "Unpack it only if you trust it, and save it again with torch.save or as safetensors.");
        }

        var most = (ulong)_end.DirectoryStart;
        if (start > most || size > most || start + size > most)
        {
            throw reader.Fault($"{label} lies outside the file", $"at most {most} bytes in front of the directory", $"{size} at {start}", null);
        }

        return new Entry(name, nameLength, (flags & SizesFollow) != 0, (long)start, (long)size);
    }

    private static string ReadName(MappedReader reader, int length)
    {
        string name;
        try
        {
            name = s_strict.GetString(reader.Read(length));
        }
        catch (DecoderFallbackException)
        {
            throw reader.Fault("the name of a member is not UTF-8");
        }

        // The entry of a folder ends with a slash.
        var parts = (name.EndsWith('/') ? name[..^1] : name).Split('/');
        return name.AsSpan().ContainsAny('\0', '\\') || parts.Any(part => part is "" or "." or "..")
            ? throw reader.Fault("the name of a member leads out of the archive", null, FileErrors.Quote(name), "Do not use this checkpoint.")
            : name;
    }

    /// <summary>Takes those of the three numbers that do not fit into 32 bits from the extra field.</summary>
    private static void Widen(ReadOnlySpan<byte> extra, ref ulong size, ref ulong packed, ref ulong start, MappedReader reader)
    {
        const int WideNumbers = 1;
        while (extra.Length >= 4)
        {
            var (kind, length) = (BinaryPrimitives.ReadUInt16LittleEndian(extra), BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]));
            if (length > extra.Length - 4)
            {
                throw reader.Fault("an extra field ends early");
            }

            if (kind == WideNumbers)
            {
                var numbers = extra.Slice(4, length);
                size = Wide(size, ref numbers, reader);
                packed = Wide(packed, ref numbers, reader);
                start = Wide(start, ref numbers, reader);
                return;
            }

            extra = extra[(4 + length)..];
        }
    }

    private static ulong Wide(ulong number, ref ReadOnlySpan<byte> numbers, MappedReader reader)
    {
        if (number != uint.MaxValue)
        {
            return number;
        }

        if (numbers.Length < sizeof(ulong))
        {
            throw reader.Fault("the 64-bit numbers of a member end early");
        }

        var wide = BinaryPrimitives.ReadUInt64LittleEndian(numbers);
        numbers = numbers[sizeof(ulong)..];
        return wide;
    }

    /// <summary>Follows every entry to its local header, in the order of the file.</summary>
    private void FindData()
    {
        var reader = new MappedReader(_file, "zip members", 0, _end.DirectoryStart);
        _entries.Sort((left, right) => left.Start.CompareTo(right.Start));
        long free = 0;
        foreach (var entry in _entries)
        {
            reader.MoveTo(entry.Start);
            var label = $"member {FileErrors.Quote(entry.Name)}";
            if (entry.Start < free)
            {
                throw reader.Fault($"{label} overlaps another", $"begin at byte {free} or later", $"{entry.Start}", "Do not use this checkpoint.");
            }

            SkipLocalHeader(reader, entry, label);
            if (entry.Length > reader.Remaining)
            {
                throw reader.Fault($"{label} reaches into the directory", $"at most {reader.Remaining} bytes", $"{entry.Length}", null);
            }

            _places[entry.Name] = new FilePlace(reader.Position, entry.Length);
            free = reader.Position + entry.Length;
        }
    }

    private static void SkipLocalHeader(MappedReader reader, Entry entry, string label)
    {
        var head = reader.Read(LocalBytes);
        var signature = BinaryPrimitives.ReadUInt32LittleEndian(head);
        var method = BinaryPrimitives.ReadUInt16LittleEndian(head[8..]);
        var size = BinaryPrimitives.ReadUInt32LittleEndian(head[22..]);
        var nameLength = BinaryPrimitives.ReadUInt16LittleEndian(head[26..]);
        var extraLength = BinaryPrimitives.ReadUInt16LittleEndian(head[28..]);
        var isSizeKnown = size == entry.Length || size == uint.MaxValue || (entry.SizesFollow && size == 0);
        if (signature != LocalSignature || method != 0 || !isSizeKnown || nameLength != entry.NameLength
            || s_strict.GetByteCount(entry.Name) != nameLength || !reader.Read(nameLength).SequenceEqual(s_strict.GetBytes(entry.Name)))
        {
            throw reader.Fault($"{label} is described otherwise in its own header than in the directory");
        }

        _ = reader.Read(extraLength);
    }

    private sealed record Entry(string Name, int NameLength, bool SizesFollow, long Start, long Length);
}
