using System.Runtime.InteropServices;
using System.Text;

namespace Guanxi.Transformers.Tests.Checkpoints.Torch;

/// <summary>One member of a zip archive, with whatever its headers are to say.</summary>
internal sealed record ZipPart(string Name, byte[] Data)
{
    public ushort Method { get; init; }

    public ushort Flags { get; init; }

    public uint PackedMore { get; init; }

    public string? LocalName { get; init; }

    /// <summary>Sizes and place in the 64-bit extra field.</summary>
    public bool IsWide { get; init; }

    /// <summary>Index of the member whose bytes this one claims too.</summary>
    public int? SameAs { get; init; }
}

/// <summary>Files of torch.save as bytes, sound or not.</summary>
internal static class TorchImage
{
    /// <summary>0, 1, 2 ... as single precision.</summary>
    public static byte[] Floats(int count) =>
        MemoryMarshal.AsBytes(Enumerable.Range(0, count).Select(i => (float)i).ToArray().AsSpan()).ToArray();

    /// <summary>The zip form with a pickle and one storage of ten floats.</summary>
    public static byte[] Zip(byte[] pickle, params ZipPart[] more) =>
        Archive([new ZipPart("x/data.pkl", pickle), new ZipPart("x/data/0", Floats(10)), .. more]);

    public static byte[] Archive(IReadOnlyList<ZipPart> parts)
    {
        var file = new MemoryStream();
        var directory = new MemoryStream();
        var starts = new List<long>();
        foreach (var part in parts)
        {
            var start = part.SameAs is { } other ? starts[other] : file.Length;
            starts.Add(start);
            if (part.SameAs is null)
            {
                var localName = Encoding.UTF8.GetBytes(part.LocalName ?? part.Name);
                var size = part.IsWide ? uint.MaxValue : (uint)part.Data.Length;
                Write(file, 0x04034b50u, (ushort)20, part.Flags, part.Method, 0u, 0u, size, size, (ushort)localName.Length, (ushort)0);
                file.Write(localName);
                file.Write(part.Data);
            }

            WriteEntry(directory, part, start);
        }

        var end = new MemoryStream();
        Write(end, 0x06054b50u, 0u, (ushort)parts.Count, (ushort)parts.Count, (uint)directory.Length, (uint)file.Length, (ushort)0);
        return [.. file.ToArray(), .. directory.ToArray(), .. end.ToArray()];
    }

    /// <summary>The form before the zip archive: sound but for what the arguments change.</summary>
    public static byte[] Legacy(byte[] pickle, byte[] keys, byte[] storages, bool isLittleEndian = true) =>
    [
        .. new PickleImage().Raw(0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19).Stop(),
        .. new PickleImage().Number(1001).Stop(),
        .. new PickleImage().Op("}").Text("little_endian").Raw(isLittleEndian ? (byte)0x88 : (byte)0x89).Op("s").Stop(),
        .. pickle, .. keys, .. storages,
    ];

    public static byte[] Keys(params string[] keys)
    {
        var image = new PickleImage().Op("](");
        foreach (var key in keys)
        {
            image.Text(key);
        }

        return image.Op("e").Stop();
    }

    public static byte[] Counted(int count) => [.. BitConverter.GetBytes((long)count), .. Floats(count)];

    private static void WriteEntry(MemoryStream directory, ZipPart part, long start)
    {
        var name = Encoding.UTF8.GetBytes(part.Name);
        var size = part.IsWide ? uint.MaxValue : (uint)part.Data.Length;
        var place = part.IsWide ? uint.MaxValue : (uint)start;
        var extra = new MemoryStream();
        if (part.IsWide)
        {
            Write(extra, (ushort)0x4246, (ushort)2, (ushort)0, (ushort)1, (ushort)24, (long)part.Data.Length, (long)part.Data.Length, start);
        }

        Write(directory, 0x02014b50u, (ushort)20, (ushort)20, part.Flags, part.Method, 0u, 0u, size + part.PackedMore, size);
        Write(directory, (ushort)name.Length, (ushort)extra.Length, (ushort)0, (ushort)0, (ushort)0, 0u, place);
        directory.Write(name);
        directory.Write(extra.ToArray());
    }

    private static void Write(MemoryStream stream, params ReadOnlySpan<object> numbers)
    {
        foreach (var number in numbers)
        {
            stream.Write(number switch
            {
                ushort value => BitConverter.GetBytes(value),
                uint value => BitConverter.GetBytes(value),
                _ => BitConverter.GetBytes((long)number),
            });
        }
    }
}
