using Guanxi.Torch;

namespace Guanxi.Transformers.Nn;

/// <summary>One forward pass through layers that share their input, computed in tiles.</summary>
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
        && TiledLinear.CanApply(x, drops: context.Dropout is not null && layers.Any(layer => layer.Adapter is { DropoutProbability: > 0 }))
        && layers.All(layer => !layer.Trains || layer.Weight.StorageType == DType.Float32)
        && layers.All(layer => layer.Weight.ForwardPieces(DType.Float32) is not null && layer.Weight.BackwardPieces() is not null)
            ? new TiledPass(layers, context)
            : null;

    /// <summary>Runs the pass and records it.</summary>
    public Tensor[] Apply(Tensor x)
    {
        const int Parameters = 4;
        using var scope = TensorScope.Enter();
        var outputs = new Tensor[_layers.Count];
        var saved = new Tensor?[_layers.Count + 1];
        var inputs = new Tensor?[(Parameters * _layers.Count) + 1];
        inputs[0] = saved[0] = x;
        using (Autograd.NoGrad())
        {
            var results = TiledLinear.Forward(x, [.. _layers.Select(layer => LayerOf(layer, layer.Weight.ForwardPieces(DType.Float32)!, _context))], _context.OnlyGradients);
            for (var i = 0; i < results.Length; i++)
            {
                (outputs[i], saved[i + 1]) = results[i];
                var layer = _layers[i];
                Tensor?[] own = [layer.Adapter?.Down.Value, layer.Adapter?.Up.Value, layer.Weight.Parameter?.Value, layer.Bias?.Value];
                own.CopyTo(inputs, (Parameters * i) + 1);
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
        new(weight, layer.Bias?.Value.Detach().To(DType.Float32), AdapterOf(layer, context))
        {
            WeightLearns = layer.Weight.Parameter is { IsTrainable: true },
            BiasLearns = layer.Bias is { IsTrainable: true },
        };

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
        var (input, results) = TiledLinear.Backward(saved[0], layers, saved[1..], gradients, saved[0].RequiresGrad);
        return [input, .. results.SelectMany(layer => (Tensor?[])[layer.Down, layer.Up, layer.Weight, layer.Bias])];
    }
}
