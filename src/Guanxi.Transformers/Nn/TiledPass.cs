using Guanxi.Torch;

namespace Guanxi.Transformers.Nn;

/// <summary>One forward pass through frozen layers that share their input, computed in tiles.</summary>
internal sealed class TiledPass
{
    private readonly IReadOnlyList<Linear> _layers;
    private readonly TiledLayer[] _forward;
    private readonly ForwardContext _context;

    private TiledPass(IReadOnlyList<Linear> layers, TiledLayer[] forward, ForwardContext context)
    {
        _layers = layers;
        _forward = forward;
        _context = context;
    }

    /// <summary>Looks at the stored forms of the weights.</summary>
    /// <returns>The pass, or null when tiles cannot compute it.</returns>
    public static TiledPass? Prepare(Tensor x, IReadOnlyList<Linear> layers, ForwardContext context)
    {
        if (context.ComputeType != DType.Float32 || !TiledLinear.CanApply(x))
        {
            return null;
        }

        var forward = new TiledLayer[layers.Count];
        for (var i = 0; i < forward.Length; i++)
        {
            if (layers[i].Weight.ForwardPieces() is not { } weight || layers[i].Weight.BackwardPieces() is null)
            {
                return null;
            }

            forward[i] = new TiledLayer(weight, layers[i].Bias?.Value.To(DType.Float32), AdapterOf(layers[i], context));
        }

        return new TiledPass(layers, forward, context);
    }

    /// <summary>Runs the pass and records it.</summary>
    public Tensor[] Apply(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var outputs = new Tensor[_layers.Count];
        var saved = new Tensor?[_layers.Count + 1];
        var inputs = new Tensor?[(2 * _layers.Count) + 1];
        inputs[0] = saved[0] = x;
        using (Autograd.NoGrad())
        {
            var results = TiledLinear.Forward(x, _forward);
            for (var i = 0; i < results.Length; i++)
            {
                (outputs[i], saved[i + 1]) = results[i];
                inputs[(2 * i) + 1] = _layers[i].Adapter?.Down.Value;
                inputs[(2 * i) + 2] = _layers[i].Adapter?.Up.Value;
            }
        }

        var recorded = Autograd.Record(outputs, inputs, saved, Backward);
        foreach (var output in recorded)
        {
            scope.Keep(output);
        }

        return recorded;
    }

    private static TiledAdapter? AdapterOf(Linear layer, ForwardContext context) => layer.Adapter is { } adapter
        ? new TiledAdapter(
            adapter.Down.Value.Detach(),
            adapter.Up.Value.Detach(),
            adapter.Scale,
            context.Dropout is null ? 0 : adapter.DropoutProbability,
            context.Dropout ?? default,
            adapter.Site)
        : null;

    private Tensor?[] Backward(Tensor?[] gradients, Tensor[] saved)
    {
        var layers = new TiledLayer[_layers.Count];
        for (var i = 0; i < layers.Length; i++)
        {
            layers[i] = new TiledLayer(_layers[i].Weight.BackwardPieces()!, null, AdapterOf(_layers[i], _context));
        }

        var (input, adapters) = TiledLinear.Backward(saved[0], layers, saved[1..], gradients, saved[0].RequiresGrad);
        var results = new Tensor?[(2 * layers.Length) + 1];
        results[0] = input;
        for (var i = 0; i < layers.Length; i++)
        {
            (results[(2 * i) + 1], results[(2 * i) + 2]) = (adapters[i]?.Down, adapters[i]?.Up);
        }

        return results;
    }
}
