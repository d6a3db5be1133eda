using Guanxi.Torch;

namespace Guanxi.Transformers.Models;

/// <summary>Gradient checkpointing (Chen et al. 2016, arXiv 1604.06174): keep a layer's input, compute the rest again when it is needed.</summary>
internal static class Checkpoint
{
    public static Tensor Run(Func<Tensor, Tensor> layer, Tensor x)
    {
        using var scope = TensorScope.Enter();
        Tensor output;
        using (Autograd.NoGrad())
        {
            output = layer(x);
        }

        return scope.Keep(Autograd.Record(output, [x], [x], (gradient, saved) =>
        {
            // Dropout masks are functions of their place, so the second forward is the first one again.
            using var mode = Autograd.WithGrad();
            var input = saved[0].Detach();
            input.RequiresGrad = true;
            Autograd.Backward([layer(input)], [gradient]);
            return [input.Grad];
        }));
    }
}
