using Guanxi.Torch;
using Guanxi.Transformers.Peft;

namespace Guanxi.Transformers.Nn;

/// <summary>
/// The ways that linear layers are computed. On the CPU in Float32 in tiles (<see cref="TiledPass"/>), a few tokens without gradients by
/// <see cref="FewTokenLinear"/>; elsewhere a weight that trains by libtorch's own operators, and one that does not, with its adapter, with a
/// hand-written gradient: its own gradient is never formed. Forward it goes through <see cref="PairedLinear"/> where the processor multiplies
/// BFloat16; else, and backward, it is brought to the compute type once a pass and dropped.
/// </summary>
internal static class LinearProducts
{
    /// <summary>Applies layers that share their input.</summary>
    public static Tensor[] Apply(Tensor x, IReadOnlyList<Linear> layers, ForwardContext context) =>
        WithoutGradients(x, layers, context) ?? Any(x, layers, context);

    private static Tensor[]? WithoutGradients(Tensor x, IReadOnlyList<Linear> layers, ForwardContext context)
    {
        // Training records or computes again what it records later: a layer that is computed again for its gradients must come to the same bits.
        if (Autograd.IsRecording || context.IsTraining)
        {
            return null;
        }

        return FewTokenLinear.CanApply(x)
            ? PartsOf(layers, context) is { } parts ? FewTokenLinear.Forward(x, parts) : null
            : Paired(x, layers, null, context);
    }

    /// <summary>What the kernels need to know of layers; null where they cannot read a weight.</summary>
    private static TiledLayer[]? PartsOf(IReadOnlyList<Linear> layers, ForwardContext context)
    {
        var weights = layers.Select(layer => layer.Weight.ForwardPieces(context.ComputeType)).ToArray();
        return weights.Contains(null) ? null : [.. layers.Select((layer, i) => TiledPass.LayerOf(layer, weights[i]!, context))];
    }

    /// <summary>The products by <see cref="PairedLinear"/>, to which the adapters' middles may be given; null where it cannot compute them.</summary>
    private static Tensor[]? Paired(Tensor x, IReadOnlyList<Linear> layers, Tensor?[]? lows, ForwardContext context) =>
        PairedLinear.CanApply(x) && PartsOf(layers, context) is { } parts && PairedLinear.CanApply(parts) ? PairedLinear.Forward(x, parts, lows) : null;

    private static Tensor[] Any(Tensor x, IReadOnlyList<Linear> layers, ForwardContext context)
    {
        if (TiledPass.Prepare(x, layers, context) is { } pass)
        {
            return pass.Apply(x);
        }

        Linear[] still = [.. layers.Where(layer => !layer.Trains)];
        var frozen = new Queue<Tensor>(still.Length == 0 ? [] : Frozen(x, still, context));
        return [.. layers.Select(layer => layer.Trains ? Trainable(x, layer, context) : frozen.Dequeue())];
    }

    private static Tensor Trainable(Tensor x, Linear layer, ForwardContext context) =>
        Functional.Linear(x, layer.Weight.Parameter!.Value.To(context.ComputeType), layer.Bias?.Value.To(context.ComputeType));

    private static Tensor[] Frozen(Tensor x, Linear[] layers, ForwardContext context)
    {
        using var scope = TensorScope.Enter();
        var passes = Array.ConvertAll(layers, layer => layer.Adapter is null ? null : new AdapterPass(layer.Adapter, context));
        Tensor[] outputs;
        Tensor?[] lows; // [N, r]
        using (Autograd.NoGrad())
        {
            lows = Array.ConvertAll(passes, pass => pass?.Dropout(x).MatrixProduct(pass.Down.Transpose(0, 1)));
            outputs = context.OnlyGradients
                ? Array.ConvertAll(layers, layer => Tensor.Zeros([x.Size(0), layer.Weight.OutputSize], context.ComputeType, x.Device))
                : Paired(x, layers, lows, context) ?? [.. layers.Select((layer, i) => Product(x, layer, passes[i], lows[i], context))];
        }

        for (var i = 0; i < layers.Length; i++)
        {
            var (layer, pass) = (layers[i], passes[i]);
            outputs[i] = scope.Keep(Autograd.Record(
                outputs[i], [x, layer.Adapter?.Down.Value, layer.Adapter?.Up.Value], [x, lows[i]], (gradient, saved) => Backward(gradient, saved, layer, pass)));
        }

        return outputs;
    }

    private static Tensor Product(Tensor x, Linear layer, AdapterPass? pass, Tensor? low, ForwardContext context)
    {
        var transposed = layer.Weight.Materialize(context.ComputeType).Transpose(0, 1);
        var output = layer.Bias is null ? x.MatrixProduct(transposed) : layer.Bias.Value.To(context.ComputeType).AddMatrixProduct(x, transposed, 1);
        return low is null ? output : output.AddMatrixProductInPlace(low, pass!.Up.Transpose(0, 1), pass.Scale);
    }

    private static Tensor?[] Backward(Tensor gradient, Tensor[] saved, Linear layer, AdapterPass? pass)
    {
        gradient = gradient.Contiguous();
        var x = saved[0];
        var dx = x.RequiresGrad ? gradient.MatrixProduct(layer.Weight.MaterializeForBackward(gradient.DType)) : null;
        if (pass is null)
        {
            return [dx, null, null];
        }

        // Small products first: everything below is of rank r.
        var dLow = gradient.MatrixProduct(pass.Up).MultiplyInPlace(pass.Scale); // [N, r]
        var dUp = gradient.Transpose(0, 1).MatrixProduct(saved[1]).MultiplyInPlace(pass.Scale); // [out, r]
        var dDown = dLow.Transpose(0, 1).MatrixProduct(pass.Dropout(x)); // [r, in]
        if (dx is not null)
        {
            dx = pass.AddInputGradient(dx, dLow);
        }

        return [dx, dDown.To(DType.Float32), dUp.To(DType.Float32)];
    }

    /// <summary>An adapter in one forward pass: its matrices in the compute type and its dropout mask.</summary>
    private sealed class AdapterPass(LoraAdapter adapter, ForwardContext context)
    {
        public double Scale => adapter.Scale;

        public Tensor Down => adapter.Down.Value.Detach().To(context.ComputeType);

        public Tensor Up => adapter.Up.Value.Detach().To(context.ComputeType);

        private bool Drops => context.Dropout is not null && adapter.DropoutProbability > 0;

        public Tensor Dropout(Tensor x) =>
            Drops ? Functional.Dropout(x, adapter.DropoutProbability, context.Dropout!.Value, adapter.Site) : x;

        public Tensor AddInputGradient(Tensor dx, Tensor dLow) => Drops
            ? dx.AddInPlace(Dropout(dLow.MatrixProduct(Down)), 1)
            : dx.AddMatrixProductInPlace(dLow, Down, 1);
    }
}
