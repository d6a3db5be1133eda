using System.Buffers.Binary;
using System.Text;

namespace Guanxi.Transformers.Tests.Checkpoints.Gguf;

/// <summary>Writes the header of a GGUF file by hand, right or wrong.</summary>
internal sealed class GgufImage
{
    public const uint Float32 = 0;

    private const uint Version = 3;
    private readonly List<byte> _bytes = [];

    /// <summary>Magic, version and the two counts.</summary>
    public GgufImage Begin(ulong tensors, ulong keys) => Raw([.. "GGUF"u8]).Number(Version).Number(tensors).Number(keys);

    public GgufImage Raw(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public GgufImage Number(uint number)
    {
        var bytes = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, number);
        return Raw(bytes);
    }

    public GgufImage Number(ulong number)
    {
        var bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
        return Raw(bytes);
    }

    public GgufImage Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return Number((ulong)bytes.Length).Raw(bytes);
    }

    public GgufImage Key(string name, uint type) => Text(name).Number(type);

    /// <summary>A tensor with its sizes in the order of the file: the innermost first.</summary>
    public GgufImage Tensor(string name, uint type, ulong offset, params ulong[] sizes)
    {
        Text(name).Number((uint)sizes.Length);
        foreach (var size in sizes)
        {
            Number(size);
        }

        return Number(type).Number(offset);
    }

    /// <summary>Zeros up to a multiple of 32, and data behind them.</summary>
    public byte[] End(int dataBytes) =>
        [.. _bytes, .. new byte[(32 - (_bytes.Count % 32)) % 32], .. Enumerable.Range(0, dataBytes).Select(i => (byte)i)];

    /// <summary>A sound file with a key of every kind and two tensors.</summary>
    public static byte[] Sound() => new GgufImage().Begin(2, 7)
        .Key("general.architecture", 8).Text("test")
        .Key("flag", 7).Raw(1)
        .Key("whole", 10).Number(12345678901UL)
        .Key("single", 6).Number(0x3FC00000u)
        .Key("texts", 9).Number(8u).Number(2UL).Text("a").Text("中")
        .Key("numbers", 9).Number(5u).Number(3UL).Number(1u).Number(uint.MaxValue).Number(3u)
        .Key("bytes", 9).Number(0u).Number(4UL).Raw(1, 2, 3, 255)
        .Tensor("a", Float32, 0, 4, 2)
        .Tensor("b", 8, 32, 32)
        .End(32 + 34);
}
