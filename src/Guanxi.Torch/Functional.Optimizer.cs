using Guanxi.Torch.Kernels;

namespace Guanxi.Torch;

/// <content>What an optimizer does to whole tensors.</content>
public static partial class Functional
{
    /// <summary>Sum of squares.</summary>
    /// <param name="x">Float32.</param>
    /// <returns>The sum, in an order that does not depend on the number of threads.</returns>
    public static double SquaredSum(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = TensorScope.Enter();
        return x.Device.IsCpu ? SquaredSumFused(x.Contiguous()) : (x * x).Sum().Item();
    }

    /// <summary>One AdamW update in place.</summary>
    /// <param name="parameter">Float32, contiguous.</param>
    /// <param name="gradient">Of the same shape.</param>
    /// <param name="first">First moment.</param>
    /// <param name="second">Second moment.</param>
    /// <param name="settings">Rates and constants.</param>
    public static void AdamWUpdate(Tensor parameter, Tensor gradient, Tensor first, Tensor second, AdamWSettings settings)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        ArgumentNullException.ThrowIfNull(settings);
        if (parameter.Device.IsCpu)
        {
            AdamWUpdateFused(parameter, gradient.Contiguous(), first, second, settings);
        }
        else
        {
            AdamWUpdateComposed(parameter, gradient * settings.GradientScale, first, second, settings);
        }
    }

    internal static void AdamWUpdateComposed(Tensor parameter, Tensor gradient, Tensor first, Tensor second, AdamWSettings settings)
    {
        using var scope = TensorScope.Enter();
        var firstCorrection = 1 - Math.Pow(settings.Beta1, settings.Step);
        var secondCorrection = 1 - Math.Pow(settings.Beta2, settings.Step);
        parameter.MultiplyInPlace(1 - (settings.LearningRate * settings.WeightDecay));
        first.MultiplyInPlace(settings.Beta1).AddInPlace(gradient, 1 - settings.Beta1);
        second.MultiplyInPlace(settings.Beta2).AddInPlace(gradient * gradient, 1 - settings.Beta2);
        var denominator = (second.Sqrt() / Math.Sqrt(secondCorrection)) + settings.Epsilon;
        parameter.AddInPlace(first / denominator, -settings.LearningRate / firstCorrection);
    }

    private static unsafe double SquaredSumFused(Tensor x) => Flat.SquaredSum(x.DType, x.DataPointer(), x.ElementCount);

    private static unsafe void AdamWUpdateFused(Tensor parameter, Tensor gradient, Tensor first, Tensor second, AdamWSettings settings) => AdamW.Run(
        (float*)parameter.DataPointer(),
        (float*)gradient.DataPointer(),
        (float*)first.DataPointer(),
        (float*)second.DataPointer(),
        parameter.ElementCount,
        new AdamWStep(
            settings.LearningRate, settings.Beta1, settings.Beta2, settings.Epsilon, settings.WeightDecay, settings.Step, (float)settings.GradientScale));
}

/// <summary>Numbers of one AdamW update.</summary>
/// <param name="LearningRate">Rate of this step.</param>
/// <param name="Beta1">First moment's decay.</param>
/// <param name="Beta2">Second moment's decay.</param>
/// <param name="Epsilon">Added to the root of the second moment.</param>
/// <param name="WeightDecay">Decoupled decay.</param>
/// <param name="Step">Number of this update, from 1.</param>
/// <param name="GradientScale">Factor on the gradient: the clipping.</param>
public sealed record AdamWSettings(
    double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay, int Step, double GradientScale);
