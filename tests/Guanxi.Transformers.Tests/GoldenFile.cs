using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Tests;

/// <summary>Tensors of a golden safetensors file.</summary>
internal sealed class GoldenFile : IDisposable
{
    private readonly SafetensorsFile _file;

    public GoldenFile(string relative) => _file = SafetensorsFile.Open(Golden.Locate(relative));

    public IEnumerable<string> Names => _file.Entries.Keys;

    public Tensor this[string name]
    {
        get
        {
            var entry = _file.Entries[name];
            using var scope = TensorScope.Enter();
            return scope.Keep(Tensor.FromMemory(_file.Buffer, entry.Offset, entry.DType, entry.Shape).Clone());
        }
    }

    public void Dispose() => _file.Dispose();
}
