using System.Runtime.InteropServices;
using System.Text.Json;
using Guanxi.TestKit;

namespace Guanxi.Torch.Tests.Kernels;

/// <summary>The tensors of a golden safetensors file.</summary>
internal sealed class GoldenTensors
{
    private readonly byte[] _file;
    private readonly int _data;
    private readonly JsonElement _header;

    public GoldenTensors(string relative)
    {
        _file = File.ReadAllBytes(Golden.Locate(relative));
        var length = (int)BitConverter.ToInt64(_file, 0);
        _data = 8 + length;
        using var document = JsonDocument.Parse(_file.AsMemory(8, length));
        _header = document.RootElement.Clone();
    }

    public IEnumerable<string> Names => _header.EnumerateObject().Select(entry => entry.Name).Where(name => name != "__metadata__");

    public bool Has(string name) => _header.TryGetProperty(name, out _);

    public DType Type(string name) => _header.GetProperty(name).GetProperty("dtype").GetString() switch
    {
        "F32" => DType.Float32,
        "BF16" => DType.BFloat16,
        "F16" => DType.Float16,
        "U8" => DType.UInt8,
        var other => throw new NotSupportedException(other),
    };

    public byte[] Bytes(string name)
    {
        var range = _header.GetProperty(name).GetProperty("data_offsets");
        return _file[(_data + range[0].GetInt32())..(_data + range[1].GetInt32())];
    }

    public float[] Floats(string name) => MemoryMarshal.Cast<byte, float>(Bytes(name)).ToArray();
}
