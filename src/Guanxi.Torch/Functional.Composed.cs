namespace Guanxi.Torch;

/// <content>Composed forms: any device, autograd by libtorch.</content>
public static partial class Functional
{
    internal static Tensor RmsNormComposed(Tensor x, Tensor weight, double epsilon)
    {
        var wide = x.To(DType.Float32);
        var scale = ((wide * wide).Mean(-1, keepDimension: true) + epsilon).Rsqrt();
        return (wide * scale).To(x.DType) * weight;
    }

    internal static Tensor LayerNormComposed(Tensor x, Tensor weight, Tensor bias, double epsilon) =>
        Operators.LayerNorm.Invoke(x, new[] { weight.ElementCount }, weight, bias, epsilon, false);

    internal static Tensor SwiGluComposed(Tensor gate, Tensor up) => gate.Silu() * up;

    internal static Tensor RopeComposed(Tensor x, Tensor positions, RopeTable table)
    {
        var half = x.Size(-1) / 2;
        var (allCosines, allSines) = table.On(x.Device);
        var cosines = allCosines.IndexSelect(0, positions).Unsqueeze(1).To(x.DType); // [N, 1, D/2]
        var sines = allSines.IndexSelect(0, positions).Unsqueeze(1).To(x.DType);
        var first = x.Narrow(-1, 0, half);
        var second = x.Narrow(-1, half, half);
        return Tensor.Cat([(first * cosines) - (second * sines), (second * cosines) + (first * sines)], -1);
    }

    internal static Tensor CrossEntropyComposed(Tensor logits, Tensor targets, double labelSmoothing)
    {
        using var scope = TensorScope.Enter();
        var logProbabilities = logits.To(DType.Float32).LogSoftmax(-1);
        var target = -logProbabilities.Gather(-1, targets.Unsqueeze(-1)).Sum();
        // The share goes to all classes alike, the target's own among them: as in torch, the mean over the vocabulary.
        return scope.Keep(labelSmoothing == 0
            ? target
            : (target * (1 - labelSmoothing)) + (-logProbabilities.Mean(-1, keepDimension: false).Sum() * labelSmoothing));
    }
}
