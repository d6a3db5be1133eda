using Guanxi.Torch;

namespace Guanxi.Transformers.Nn;

/// <summary>One forward pass through frozen layers that share their input, computed in tiles.</summary>
internal sealed class TiledPass
{
    private readonly IReadOnlyList<Linear> _layers;
    private readonly ForwardContext _context;

    private TiledPass(IReadOnlyList<Linear> layers, ForwardContext context)
    {
        _layers = layers;
        _context = context;
    }

    /// <summary>Looks at the input and at the stored forms of the weights.</summary>
    /// <returns>The pass, or null when tiles cannot compute it.</returns>
    public static TiledPass? Prepare(Tensor x, IReadOnlyList<Linear> layers, ForwardContext context) =>
        context.ComputeType == DType.Float32
        && TiledLinear.CanApply(x)
        && layers.All(layer => layer.Weight.ForwardPieces(DType.Float32) is not null && layer.Weight.BackwardPieces() is not null)
            ? new TiledPass(layers, context)
            : null;

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
            var results = TiledLinear.Forward(x, [.. _layers.Select(layer => LayerOf(layer, layer.Weight.ForwardPieces(DType.Float32)!, _context))]);
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

    /// <summary>What the kernels need to know of a layer.</summary>
    public static TiledLayer LayerOf(Linear layer, StoredMatrix weight, ForwardContext context) =>
        new(weight, layer.Bias?.Value.Detach().To(DType.Float32), AdapterOf(layer, context));

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
        var layers = _layers.Select(layer => LayerOf(layer, layer.Weight.BackwardPieces()!, _context)).ToArray();
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
