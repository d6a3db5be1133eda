namespace Guanxi.Transformers.Checkpoints.Torch;

/// <summary>What the records at the end of a zip archive say of its directory.</summary>
/// <param name="DirectoryStart">File offset of the directory.</param>
/// <param name="DirectoryEnd">File offset of what follows it.</param>
/// <param name="Count">Number of entries; there is room for them.</param>
internal sealed record ZipEnd(long DirectoryStart, long DirectoryEnd, ulong Count)
{
    private const uint EndSignature = 0x06054b50;
    private const uint LocatorSignature = 0x07064b50;
    private const uint WideSignature = 0x06064b50;
    private const int EndBytes = 22;
    private const int LocatorBytes = 20;
    private const int WideBytes = 56;
    private const int LeastEntryBytes = 46;

    /// <summary>Reads the records. They must end with the file: torch writes no comment, and a search could find another archive.</summary>
    /// <exception cref="CheckpointException">They are not there, or contradict each other or the file.</exception>
    public static ZipEnd Read(MappedFile file)
    {
        var start = Math.Max(0, file.Length - EndBytes);
        var reader = new MappedReader(file, "zip end record", start, file.Length);
        if (file.Length < EndBytes || reader.ReadUInt32() != EndSignature)
        {
            throw reader.Fault("the zip directory is missing", null, null, "The file is damaged or cut off: download it again.");
        }

        var disks = reader.ReadUInt16() | reader.ReadUInt16();
        ulong here = reader.ReadUInt16();
        ulong count = reader.ReadUInt16();
        ulong length = reader.ReadUInt32();
        ulong offset = reader.ReadUInt32();
        if (TryReadWide(file, start, out var wide))
        {
            var isSame = Agrees(count, ushort.MaxValue, wide.Count) && Agrees(length, uint.MaxValue, wide.Length)
                && Agrees(offset, uint.MaxValue, wide.Offset);
            (here, count, length, offset) = isSame ? (wide.Count, wide.Count, wide.Length, wide.Offset) : throw Contradiction(reader);
            start -= LocatorBytes + WideBytes;
        }

        if (disks != 0 || here != count || offset > (ulong)start || length != (ulong)start - offset || count > length / LeastEntryBytes)
        {
            throw Contradiction(reader);
        }

        return new ZipEnd((long)offset, start, count);
    }

    private static bool TryReadWide(MappedFile file, long end, out (ulong Count, ulong Length, ulong Offset) found)
    {
        found = default;
        var start = end - LocatorBytes - WideBytes;
        if (start < 0)
        {
            return false;
        }

        var reader = new MappedReader(file, "zip end record", start, end);
        reader.MoveTo(end - LocatorBytes);
        if (reader.ReadUInt32() != LocatorSignature)
        {
            return false;
        }

        var disk = reader.ReadUInt32();
        var place = reader.ReadUInt64();
        reader.MoveTo(start);
        if (disk != 0 || place != (ulong)start || reader.ReadUInt32() != WideSignature || reader.ReadUInt64() != WideBytes - 12)
        {
            throw Contradiction(reader);
        }

        _ = reader.ReadUInt32();
        var disks = reader.ReadUInt32() | reader.ReadUInt32();
        var here = reader.ReadUInt64();
        found = (reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadUInt64());
        return disks == 0 && here == found.Count ? true : throw Contradiction(reader);
    }

    private static bool Agrees(ulong narrow, ulong full, ulong wide) => narrow == full || narrow == wide;

    private static CheckpointException Contradiction(MappedReader reader) =>
        reader.Fault("the end records of the zip archive contradict each other or the file", null, null, "The file is damaged: download it again.");
}
