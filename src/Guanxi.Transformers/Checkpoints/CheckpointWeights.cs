using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>Weights of a model folder, taken tensor by tensor as the model is built; what is wrong is collected and told at once.</summary>
public sealed class CheckpointWeights : WeightSource
{
    private readonly CheckpointReader _reader;
    private readonly WeightLoading _loading;
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    private readonly List<Problem> _problems = [];

    /// <summary>Reads from an open checkpoint.</summary>
    /// <param name="reader">The checkpoint; stays the caller's, and must outlive tensors that are mapped.</param>
    /// <param name="loading">Types to store weights in.</param>
    public CheckpointWeights(CheckpointReader reader, WeightLoading loading)
    {
        _reader = reader;
        _loading = loading;
    }

    /// <inheritdoc/>
    public override Parameter Parameter(string name, WeightStart start, params ReadOnlySpan<long> shape)
    {
        using var scope = TensorScope.Enter();
        if (Find(name, shape) is not { } found)
        {
            return StandIn(shape);
        }

        var stored = found.Value;
        var rounded = stored.To(_loading.RoundBeforeQuantizing ?? stored.DType);
        var value = rounded.To(_loading.StorageType ?? rounded.DType).ToDevice(_loading.Device);
        if (value == stored && _loading.IsMapped)
        {
            return new Parameter(value);
        }

        var parameter = new Parameter(value == stored ? stored.Clone() : value);
        found.File.Forget(found.Entry);
        return parameter;
    }

    /// <inheritdoc/>
    public override LinearWeight LinearWeight(string name, long outputSize, long inputSize)
    {
        using var scope = TensorScope.Enter();
        if (FourBitCheckpointTensors.IsPresent(_reader, name))
        {
            return FourBitCheckpointTensors.Read(_reader, name, [outputSize, inputSize], part => _taken.Add(part), _problems, _loading)
                ?? (LinearWeight)new DenseWeight(StandIn([outputSize, inputSize]));
        }

        if (Int8CheckpointTensors.IsPresent(_reader, name))
        {
            return Int8CheckpointTensors.Read(_reader, name, [outputSize, inputSize], part => _taken.Add(part), _problems, _loading)
                ?? (LinearWeight)new DenseWeight(StandIn([outputSize, inputSize]));
        }

        return _loading.Quantization is not { } quantization || WeightLoading.IsKeptWhole(name)
            ? base.LinearWeight(name, outputSize, inputSize)
            : Quantized(name, [outputSize, inputSize], quantization);
    }

    /// <summary>Says whether every tensor was there, of the right shape, and all of the checkpoint was used.</summary>
    /// <param name="mayBeLeft">Whether a tensor of this name may stay unread.</param>
    /// <exception cref="CheckpointException">Tensors are missing, mis-shaped or unexpected; all are listed.</exception>
    public void Finish(Func<string, bool> mayBeLeft)
    {
        ArgumentNullException.ThrowIfNull(mayBeLeft);
        foreach (var name in _reader.Names)
        {
            if (!_taken.Contains(name) && !mayBeLeft(name))
            {
                _problems.Add(new Problem(_reader.Source, $"tensor '{name}' is not expected in this model"));
            }
        }

        if (_problems.Count > 0)
        {
            throw new CheckpointException(_problems);
        }
    }

    private static string Show(ReadOnlySpan<long> shape) => $"[{string.Join(", ", shape.ToArray())}]";

    /// <summary>Stands where a tensor is wrong: building goes on, so that <see cref="Finish"/> can tell every problem.</summary>
    private static Parameter StandIn(ReadOnlySpan<long> shape)
    {
        using var scope = TensorScope.Enter();
        return new Parameter(Tensor.Zeros([1], DType.Float32, Device.Cpu).Expand(shape));
    }

    private LinearWeight Quantized(string name, long[] shape, QuantizationOptions quantization)
    {
        if (Find(name, shape) is not { } found)
        {
            return new DenseWeight(StandIn(shape));
        }

        try
        {
            var rounded = found.Value.To(_loading.RoundBeforeQuantizing ?? found.Value.DType);
            LinearWeight weight = quantization.Kind is { } kind
                ? new FourBitWeight(FourBitTensor.Quantize(rounded, kind, quantization.IsDouble).MoveTo(_loading.Device), null)
                : Int8Weight.Quantize(rounded.ToDevice(_loading.Device));

            // What was read and quantised is not needed again: a model larger than the memory passes through it tensor by tensor.
            found.File.Forget(found.Entry);
            return weight;
        }
        catch (TorchException error) when (!error.IsOutOfMemory)
        {
            _problems.Add(new Problem(_reader.Source, $"tensor '{name}' cannot be quantised", Found: error.Message));
            return new DenseWeight(StandIn(shape));
        }
    }

    private Found? Find(string name, ReadOnlySpan<long> shape)
    {
        _taken.Add(name);
        if (!_reader.TryGet(name, out var file, out var entry))
        {
            _problems.Add(new Problem(_reader.Source, $"tensor '{name}' is missing", Show(shape)));
            return null;
        }

        if (!shape.SequenceEqual(entry.Shape))
        {
            _problems.Add(new Problem(
                file.FilePath, $"tensor '{name}' has another shape", Show(shape), Show(entry.Shape)));
            return null;
        }

        if (!entry.DType.IsFloatingPoint())
        {
            _problems.Add(new Problem(file.FilePath, $"tensor '{name}' holds no real numbers", "a floating-point type", $"{entry.DType}"));
            return null;
        }

        // Nothing computes in double precision, and no kernel reads it.
        var value = file.ToTensor(entry);
        return new Found(value.DType == DType.Float64 ? value.To(DType.Float32) : value, file, entry);
    }

    private sealed record Found(Tensor Value, TensorFile File, TensorEntry Entry);
}

/// <summary>In what form weights are kept in memory.</summary>
public sealed record WeightLoading
{
    /// <summary>Type of parameters; null keeps each as it is stored.</summary>
    /// <value>Null.</value>
    public DType? StorageType { get; init; }

    /// <summary>Whether tensors that need no conversion stay mapped from the file; they are then read-only.</summary>
    /// <value>False.</value>
    public bool IsMapped { get; init; }

    /// <summary>Quantisation of linear layers while they are loaded; null for none.</summary>
    /// <value>Null.</value>
    public QuantizationOptions? Quantization { get; init; }

    /// <summary>Type that all weights are rounded to before some are quantised, as transformers does; null for no rounding.</summary>
    /// <value>Null.</value>
    public DType? RoundBeforeQuantizing { get; init; }

    /// <summary>Type that the author of a 4-bit checkpoint computed in (see <see cref="FourBitWeight"/>); null when it says none.</summary>
    /// <value>Null.</value>
    public DType? AuthorComputeType { get; init; }

    /// <summary>Where the weights go.</summary>
    /// <value>The CPU.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <summary>Whether a linear layer is never quantised: the head, as bitsandbytes leaves it.</summary>
    /// <param name="name">Name of its weight.</param>
    /// <returns>True for the head.</returns>
    internal static bool IsKeptWhole(string name) => name.StartsWith("lm_head", StringComparison.Ordinal);
}

/// <summary>How linear layers are quantised while they are loaded.</summary>
/// <param name="Kind">The values of 4-bit codes; null for 8 bits with a scale a row.</param>
/// <param name="IsDouble">Whether the block scales of 4-bit layers are quantised too.</param>
public sealed record QuantizationOptions(FourBitKind? Kind, bool IsDouble);
