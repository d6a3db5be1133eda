using Guanxi.Torch;

namespace Guanxi.Transformers.Nn;

/// <summary>Where a model under construction gets its weights from: a checkpoint, or a random start.</summary>
public abstract class WeightSource
{
    /// <summary>Gives a parameter.</summary>
    /// <param name="name">Full name in a checkpoint.</param>
    /// <param name="start">How a random start fills it.</param>
    /// <param name="shape">Shape that the model needs.</param>
    /// <returns>The parameter, not trainable yet.</returns>
    public abstract Parameter Parameter(string name, WeightStart start, params ReadOnlySpan<long> shape);

    /// <summary>Gives the matrix of a linear layer, which a source may hold in a quantised form.</summary>
    /// <param name="name">Full name in a checkpoint, with <c>.weight</c>.</param>
    /// <param name="outputSize">Rows.</param>
    /// <param name="inputSize">Columns.</param>
    /// <returns>The matrix.</returns>
    public virtual LinearWeight LinearWeight(string name, long outputSize, long inputSize) =>
        new DenseWeight(Parameter(name, WeightStart.Normal, outputSize, inputSize));

    /// <summary>Gives a linear layer.</summary>
    /// <param name="path">Path of the layer.</param>
    /// <param name="outputSize">Rows.</param>
    /// <param name="inputSize">Columns.</param>
    /// <param name="hasBias">Whether it has a bias.</param>
    /// <returns>The layer.</returns>
    public Linear Linear(string path, long outputSize, long inputSize, bool hasBias) => new(
        LinearWeight($"{path}.weight", outputSize, inputSize),
        hasBias ? Parameter($"{path}.bias", WeightStart.Zero, outputSize) : null);
}

/// <summary>How a parameter begins when no checkpoint gives it.</summary>
public enum WeightStart
{
    /// <summary>Drawn from a normal distribution around zero.</summary>
    Normal,

    /// <summary>Zeros.</summary>
    Zero,

    /// <summary>Ones.</summary>
    One,
}

/// <summary>A random start, the same for the same seed.</summary>
public sealed class RandomWeights : WeightSource
{
    private readonly double _deviation;
    private readonly DType _dtype;

    /// <summary>Seeds libtorch's generator for the weights to come.</summary>
    /// <param name="seed">Any number.</param>
    /// <param name="deviation">Standard deviation of matrices.</param>
    /// <param name="dtype">Type of the weights.</param>
    public RandomWeights(long seed, double deviation, DType dtype)
    {
        _deviation = deviation;
        _dtype = dtype;
        TorchRuntime.Seed(seed);
    }

    /// <inheritdoc/>
    public override Parameter Parameter(string name, WeightStart start, params ReadOnlySpan<long> shape)
    {
        using var scope = TensorScope.Enter();
        var value = start switch
        {
            WeightStart.Normal => Tensor.Empty(shape, DType.Float32, Device.Cpu).NormalInPlace(0, _deviation),
            WeightStart.One => Tensor.Full(shape, 1, DType.Float32, Device.Cpu),
            _ => Tensor.Zeros(shape, DType.Float32, Device.Cpu),
        };
        return new Parameter(value.To(_dtype));
    }
}
