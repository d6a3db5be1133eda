using Guanxi.Torch;

namespace Guanxi.Transformers.Models;

/// <summary>Gradient checkpointing (Chen et al. 2016, arXiv 1604.06174): keep a layer's input, compute the rest again when it is needed.</summary>
internal static class Checkpoint
{
    /// <summary>Runs a layer, now and again in the backward pass.</summary>
    /// <param name="layer">The layer; its second argument is true where only its gradients are wanted, and its output is not looked at.</param>
    /// <param name="x">Its input.</param>
    /// <returns>Its output, owned by the current scope.</returns>
    public static Tensor Run(Func<Tensor, bool, Tensor> layer, Tensor x)
    {
        using var scope = TensorScope.Enter();
        Tensor output;
        using (Autograd.NoGrad())
        {
            output = layer(x, false);
        }

        return scope.Keep(Autograd.Record(output, [x], [x], (gradient, saved) =>
        {
            // Dropout masks are functions of their place, so the second forward is the first one again.
            using var mode = Autograd.WithGrad();
            var input = saved[0].Detach();
            input.RequiresGrad = true;
            Autograd.Backward([layer(input, true)], [gradient]);
            return [input.Grad];
        }));
    }
}
