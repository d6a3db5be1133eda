using System.Text;

namespace Guanxi.Transformers.Tests.Checkpoints.Torch;

/// <summary>Writes a pickle instruction by instruction, sound or not.</summary>
internal sealed class PickleImage
{
    private readonly MemoryStream _bytes = new();

    public PickleImage(byte protocol = 2) => Raw(0x80, protocol);

    public PickleImage Raw(params ReadOnlySpan<byte> bytes)
    {
        _bytes.Write(bytes);
        return this;
    }

    public PickleImage Op(string instructions) => Raw(Encoding.Latin1.GetBytes(instructions));

    public PickleImage Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return Op("X").Raw(BitConverter.GetBytes(bytes.Length)).Raw(bytes);
    }

    public PickleImage Number(long number) => Raw(0x8a, 8).Raw(BitConverter.GetBytes(number));

    public PickleImage Tuple(params ReadOnlySpan<long> numbers)
    {
        Op("(");
        foreach (var number in numbers)
        {
            Number(number);
        }

        return Op("t");
    }

    public PickleImage Global(string module, string name) => Op($"c{module}\n{name}\n");

    /// <summary>The persistent id of a storage; <paramref name="view"/> adds the part that the legacy form names.</summary>
    public PickleImage Storage(string key, long count, string kind = "FloatStorage", long[]? view = null)
    {
        Op("(").Text("storage").Global("torch", kind).Text(key).Text("cpu").Number(count);
        if (view is not null)
        {
            Op("(").Text("part").Number(view[0]).Number(view[1]).Op("t");
        }

        return Op("tQ");
    }

    /// <summary>A tensor over the storage that <paramref name="storage"/> writes.</summary>
    public PickleImage Tensor(Action<PickleImage> storage, long start, long[] shape, long[] strides)
    {
        Global("torch._utils", "_rebuild_tensor_v2").Op("(");
        storage(this);
        return Number(start).Tuple(shape).Tuple(strides).Raw(0x89).OrderedDict().Op("tR");
    }

    public PickleImage OrderedDict() => Global("collections", "OrderedDict").Op(")R");

    public byte[] Stop() => Op(".")._bytes.ToArray();

    /// <summary>A dictionary with one tensor of one storage of ten floats.</summary>
    public static byte[] OneTensor(long start, long[] shape, long[] strides) =>
        new PickleImage().Op("}").Text("a").Tensor(image => image.Storage("0", 10), start, shape, strides).Op("s").Stop();
}
