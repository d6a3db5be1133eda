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
public readonly record struct WeightStart
{
    /// <summary>Drawn from a normal distribution around zero, as wide as the model's configuration says.</summary>
    public static WeightStart Normal => default;

    /// <summary>Zeros.</summary>
    public static WeightStart Zero { get; } = new() { Value = 0 };

    /// <summary>Ones.</summary>
    public static WeightStart One { get; } = new() { Value = 1 };

    /// <summary>What all elements are; null where they are drawn.</summary>
    internal double? Value { get; private init; }

    /// <summary>Elements are drawn evenly between this and its negative; null: from the normal distribution.</summary>
    internal double? Bound { get; private init; }

    /// <summary>Drawn evenly within one by the root of the number of inputs, as torch begins weights and biases of <c>nn.Linear</c>.</summary>
    /// <param name="inputSize">Inputs of the layer.</param>
    /// <returns>The start.</returns>
    public static WeightStart ByInputs(long inputSize) => new() { Bound = 1 / Math.Sqrt(inputSize) };
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
            { Value: { } same } => Tensor.Full(shape, same, DType.Float32, Device.Cpu),
            { Bound: { } bound } => Tensor.Empty(shape, DType.Float32, Device.Cpu).UniformInPlace(-bound, bound),
            _ => Tensor.Empty(shape, DType.Float32, Device.Cpu).NormalInPlace(0, _deviation),
        };
        return new Parameter(value.To(_dtype));
    }
}
