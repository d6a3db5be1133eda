using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Benchmarks;

/// <summary>
/// Random weights whose linear layers, but the head, are made in their 4-bit form at once: billions of them in seconds, and no
/// larger form ever takes memory.
/// </summary>
internal sealed class RandomNf4Weights : WeightSource
{
    // Uniform codes have a deviation of 0.54 of their block's maximum; that gives matrices one of 0.02.
    private const float MeanMaximum = 0.037f;
    private const float MaximumSpread = 0.01f;

    // What base models come in; it decides how the backward pass rounds.
    private const DType OriginalType = DType.BFloat16;

    private readonly RandomWeights _whole;
    private readonly Random _random;

    public RandomNf4Weights(int seed, double deviation)
    {
        _whole = new RandomWeights(seed, deviation, OriginalType);
        _random = new Random(seed);
    }

    public override Parameter Parameter(string name, WeightStart start, params ReadOnlySpan<long> shape) => _whole.Parameter(name, start, shape);

    public override LinearWeight LinearWeight(string name, long outputSize, long inputSize)
    {
        if (WeightLoading.IsKeptWhole(name))
        {
            return base.LinearWeight(name, outputSize, inputSize);
        }

        using var scope = TensorScope.Enter();
        var blocks = ((outputSize * inputSize) + FourBitWeight.BlockSize - 1) / FourBitWeight.BlockSize;
        var packed = Bytes(((outputSize * inputSize) + 1) >> 1).View(-1, 1);
        var maxima = Bytes(blocks);
        var nestedBlocks = (blocks + FourBitWeight.NestedBlockSize - 1) / FourBitWeight.NestedBlockSize;
        var scales = Tensor.Full([nestedBlocks], MaximumSpread, DType.Float32, Device.Cpu);
        using var sample = FourBitTensor.Quantize(
            Tensor.Full([FourBitWeight.BlockSize], 1, DType.Float32, Device.Cpu), FourBitKind.Nf4, isDouble: true);
        var nested = new NestedMaxima(scales, sample.Nested!.Map.Clone(), MeanMaximum);
        return new FourBitWeight(new FourBitTensor(FourBitKind.Nf4, [outputSize, inputSize], OriginalType, packed, maxima, nested), null);
    }

    private Tensor Bytes(long count)
    {
        var bytes = Tensor.Empty([count], DType.UInt8, Device.Cpu);
        _random.NextBytes(bytes.AsSpan<byte>());
        return bytes;
    }
}
