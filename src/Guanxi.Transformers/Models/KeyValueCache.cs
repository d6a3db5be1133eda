using Guanxi.Torch;

namespace Guanxi.Transformers.Models;

/// <summary>Keys and values of tokens already seen, one pair a layer; later rows attend to them as to a common prefix.</summary>
public sealed class KeyValueCache : IDisposable
{
    private readonly (Tensor Key, Tensor Value)?[] _layers;

    /// <summary>An empty cache.</summary>
    /// <param name="layerCount">Layers of the model.</param>
    public KeyValueCache(int layerCount) => _layers = new (Tensor, Tensor)?[layerCount];

    /// <summary>Tokens in the cache.</summary>
    public int Length { get; private set; }

    /// <summary>Releases the tensors.</summary>
    public void Dispose()
    {
        foreach (var layer in _layers)
        {
            layer?.Key.Dispose();
            layer?.Value.Dispose();
        }
    }

    internal (Tensor? Key, Tensor? Value) Layer(int index) =>
        Length > 0 && _layers[index] is { } layer ? (layer.Key.Narrow(0, 0, Length), layer.Value.Narrow(0, 0, Length)) : (null, null);

    /// <summary>Adds the keys and values of one row behind those that are there; room doubles as it is needed.</summary>
    internal void Append(int index, Tensor key, Tensor value)
    {
        var needed = Length + key.Size(0);
        if (_layers[index] is not { } layer || layer.Key.Size(0) < needed)
        {
            var room = Math.Max(needed, 2 * (_layers[index]?.Key.Size(0) ?? 0));
            _layers[index] = (Grow(_layers[index]?.Key, key, room), Grow(_layers[index]?.Value, value, room));
        }

        var (keys, values) = _layers[index]!.Value;
        keys.Narrow(0, Length, key.Size(0)).CopyInPlace(key);
        values.Narrow(0, Length, value.Size(0)).CopyInPlace(value);
    }

    /// <summary>Counts the tokens that every layer has appended.</summary>
    internal void Advance(int tokens) => Length += tokens;

    /// <summary>Forgets the tokens behind the first so many.</summary>
    internal void Rewind(int length) => Length = length;

    private Tensor Grow(Tensor? old, Tensor like, long room)
    {
        var grown = TensorScope.Detach(Tensor.Empty([room, like.Size(1), like.Size(2)], like.DType, like.Device));
        if (old is not null)
        {
            grown.Narrow(0, 0, Length).CopyInPlace(old.Narrow(0, 0, Length));
            old.Dispose();
        }

        return grown;
    }
}
