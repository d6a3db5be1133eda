namespace Guanxi.Torch;

/// <summary>
/// Layers' arithmetic as functions with gradients. On the CPU most are one fused kernel each (<see cref="Linear"/> and
/// <see cref="BidirectionalGru"/> are libtorch's own); elsewhere they are composed of aten operators, and the composed form is also what
/// the kernels are tested and measured against.
/// </summary>
public static partial class Functional
{
    /// <summary>x W^T + b by libtorch's own operator, gradients included.</summary>
    /// <param name="x">[N, in].</param>
    /// <param name="weight">[out, in], of the type of x.</param>
    /// <param name="bias">[out], or null.</param>
    /// <returns>[N, out].</returns>
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? bias)
    {
        ArgumentNullException.ThrowIfNull(weight);
        var product = weight.Transpose(0, 1);
        return bias is null ? x.MatMul(product) : bias.AddMatrixProduct(x, product, 1);
    }

    /// <summary>Sum of the cross-entropies of rows of logits.</summary>
    /// <param name="logits">[M, V]; computed in Float32 whatever its type. While gradients are recorded on the CPU its memory is given to the
    /// gradient: do not read it afterwards.</param>
    /// <param name="targets">Int64 [M], on the CPU: they are looked at before they go to where the logits are.</param>
    /// <param name="labelSmoothing">Share of the target spread over all classes, 0 for none.</param>
    /// <returns>Float32 without dimensions: the sum, not the mean.</returns>
    /// <exception cref="TorchException">A target is outside of the vocabulary.</exception>
    /// <exception cref="ArgumentException">The targets are no such tensor.</exception>
    public static Tensor CrossEntropySum(Tensor logits, Tensor targets, double labelSmoothing)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(targets);
        using var scope = TensorScope.Enter();
        CheckTargets(logits, targets);
        return scope.Keep(logits.Device.IsCpu
            ? CrossEntropyFused(logits, targets, labelSmoothing)
            : CrossEntropyComposed(logits, targets.ToDevice(logits.Device), labelSmoothing));
    }

    private static void CheckTargets(Tensor logits, Tensor targets)
    {
        var (rows, vocabulary) = (logits.Size(0), logits.Size(1));
        KernelArguments.Require(targets, DType.Int64, [rows], nameof(targets));
        var bad = targets.AsSpan<long>().IndexOfAnyExceptInRange(0, vocabulary - 1);
        if (bad >= 0)
        {
            throw new TorchException($"row {bad}: the target is outside a vocabulary of {vocabulary}");
        }
    }
}
