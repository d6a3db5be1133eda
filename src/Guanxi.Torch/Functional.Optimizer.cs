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
    /// <param name="gradient">Float32, of the same shape.</param>
    /// <param name="first">First moment, as the parameter.</param>
    /// <param name="second">Second moment, as the parameter.</param>
    /// <param name="settings">Rates and constants.</param>
    /// <exception cref="ArgumentException">The tensors do not fit together, on the CPU.</exception>
    public static void AdamWUpdate(Tensor parameter, Tensor gradient, Tensor first, Tensor second, AdamWSettings settings)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        ArgumentNullException.ThrowIfNull(gradient);
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        ArgumentNullException.ThrowIfNull(settings);
        using var scope = TensorScope.Enter();
        if (parameter.Device.IsCpu)
        {
            AdamWUpdateFused(parameter, gradient.Contiguous(), first, second, settings);
        }
        else
        {
            AdamWUpdateComposed(parameter, gradient * settings.GradientScale, first, second, settings);
        }
    }

    /// <summary>One AdamW update in place whose moments lie in 8 bits.</summary>
    /// <param name="parameter">Float32, contiguous, on the CPU.</param>
    /// <param name="gradient">Float32, of the same shape.</param>
    /// <param name="first">First moment.</param>
    /// <param name="second">Second moment.</param>
    /// <param name="settings">Rates and constants.</param>
    /// <exception cref="ArgumentException">The tensors do not fit together.</exception>
    /// <exception cref="NotSupportedException">The parameter is not on the CPU.</exception>
    public static void AdamW8BitUpdate(
        Tensor parameter, Tensor gradient, EightBitState first, EightBitState second, AdamWSettings settings)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        ArgumentNullException.ThrowIfNull(gradient);
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        ArgumentNullException.ThrowIfNull(settings);
        if (!parameter.Device.IsCpu)
        {
            throw new NotSupportedException("moments in 8 bits are kept on the CPU only");
        }

        using var scope = TensorScope.Enter();
        AdamW8BitUpdateFused(parameter, gradient.Contiguous(), first, second, settings);
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

    private static unsafe void AdamWUpdateFused(Tensor parameter, Tensor gradient, Tensor first, Tensor second, AdamWSettings settings)
    {
        RequireLike(parameter, parameter, nameof(parameter));
        RequireLike(parameter, gradient, nameof(gradient));
        RequireLike(parameter, first, nameof(first));
        RequireLike(parameter, second, nameof(second));
        AdamW.Run(
            (float*)parameter.DataPointer(),
            (float*)gradient.DataPointer(),
            (float*)first.DataPointer(),
            (float*)second.DataPointer(),
            parameter.ElementCount,
            settings);
    }

    private static unsafe void AdamW8BitUpdateFused(
        Tensor parameter, Tensor gradient, EightBitState first, EightBitState second, AdamWSettings settings)
    {
        RequireLike(parameter, parameter, nameof(parameter));
        RequireLike(parameter, gradient, nameof(gradient));
        AdamWEightBit.Run(
            (float*)parameter.DataPointer(),
            (float*)gradient.DataPointer(),
            MomentOf(first, parameter, nameof(first)),
            MomentOf(second, parameter, nameof(second)),
            parameter.ElementCount,
            settings);
    }

    private static void RequireLike(Tensor parameter, Tensor other, string name) =>
        KernelArguments.Require(other, DType.Float32, parameter.Shape, name);

    private static unsafe EightBitMoment MomentOf(EightBitState state, Tensor parameter, string name)
    {
        KernelArguments.Require(state.Codes, DType.UInt8, parameter.Shape, name);
        KernelArguments.Require(state.Absmax, DType.Float32, [EightBitState.BlocksOf(parameter)], name);
        return new((nint)state.Codes.DataPointer(), (nint)state.Absmax.DataPointer());
    }
}

/// <summary>A moment of an optimizer in 8 bits.</summary>
/// <param name="Codes">UInt8, as many as the parameter has elements: numbers of values of the dynamic map.</param>
/// <param name="Absmax">Float32: the largest magnitude of each block of 256 elements.</param>
public sealed record EightBitState(Tensor Codes, Tensor Absmax)
{
    /// <summary>Makes a moment of zeros.</summary>
    /// <param name="like">The parameter.</param>
    /// <returns>New tensors, owned by the current scope.</returns>
    public static EightBitState Zeros(Tensor like)
    {
        ArgumentNullException.ThrowIfNull(like);
        return new(Tensor.Zeros(like.Shape, DType.UInt8, Device.Cpu), Tensor.Zeros([BlocksOf(like)], DType.Float32, Device.Cpu));
    }

    internal static long BlocksOf(Tensor parameter) => Kernels.Quantisation.EightBit.BlocksOf(parameter.ElementCount);
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
