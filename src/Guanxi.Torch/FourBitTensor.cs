using Guanxi.Torch.Kernels.Quantisation;

namespace Guanxi.Torch;

/// <summary>
/// A tensor quantised to the 16 values of NF4 or FP4, 64 elements a block, the block maxima optionally quantised to 8 bits.
/// </summary>
/// <remarks>Dettmers et al. 2023 (arXiv 2305.14314); memory layout of bitsandbytes, byte for byte.</remarks>
public sealed class FourBitTensor : IDisposable
{
    private readonly long[] _shape;

    /// <summary>Takes the parts over; they leave their scope.</summary>
    /// <param name="kind">Which values the codes stand for.</param>
    /// <param name="shape">Shape of what was quantised.</param>
    /// <param name="originalType">Type of what was quantised.</param>
    /// <param name="packed">UInt8 [(n + 1) / 2, 1], the first element of a pair in the upper half.</param>
    /// <param name="maxima">Float32 [blocks], or UInt8 [blocks] with <paramref name="nested"/>.</param>
    /// <param name="nested">The second level, or null.</param>
    public FourBitTensor(FourBitKind kind, ReadOnlySpan<long> shape, DType originalType, Tensor packed, Tensor maxima, NestedMaxima? nested)
    {
        ArgumentNullException.ThrowIfNull(packed);
        ArgumentNullException.ThrowIfNull(maxima);
        Kind = kind;
        _shape = shape.ToArray();
        OriginalType = originalType;
        Packed = TensorScope.Detach(packed);
        Maxima = TensorScope.Detach(maxima);
        Nested = nested;
        if (nested is not null)
        {
            TensorScope.Detach(nested.Scales);
            TensorScope.Detach(nested.Map);
        }
    }

    /// <summary>Which values the codes stand for.</summary>
    public FourBitKind Kind { get; }

    /// <summary>Shape of what was quantised.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>Type of what was quantised.</summary>
    public DType OriginalType { get; }

    /// <summary>UInt8 [(n + 1) / 2, 1].</summary>
    public Tensor Packed { get; }

    /// <summary>Block maxima: Float32 [blocks], or their UInt8 codes when <see cref="Nested"/> is there.</summary>
    public Tensor Maxima { get; }

    /// <summary>The second level of quantisation, or null.</summary>
    public NestedMaxima? Nested { get; }

    /// <summary>Number of elements.</summary>
    public long ElementCount => ElementsOf(_shape);

    /// <summary>The 16 values that a 4-bit code stands for, times the maximum of its block.</summary>
    /// <param name="kind">NF4 or FP4.</param>
    /// <returns>The values by code.</returns>
    public static ReadOnlySpan<float> TableOf(FourBitKind kind) => FourBitCode.Of(kind).Values;

    /// <summary>Quantises a tensor.</summary>
    /// <param name="source">Contiguous, on the CPU, Float32, BFloat16 or Float16.</param>
    /// <param name="kind">Which values the codes stand for.</param>
    /// <param name="isDouble">Whether block maxima are quantised too.</param>
    /// <returns>The quantised tensor, owned by the caller.</returns>
    /// <exception cref="TorchException">An element is infinite or not a number.</exception>
    public static unsafe FourBitTensor Quantize(Tensor source, FourBitKind kind, bool isDouble)
    {
        ArgumentNullException.ThrowIfNull(source);
        using var scope = TensorScope.Enter();
        var count = source.ElementCount;
        var blocks = (count + FourBitWeights.DefaultBlockSize - 1) / FourBitWeights.DefaultBlockSize;
        var packed = Tensor.Empty([FourBit.PackedBytes(count), 1], DType.UInt8, Device.Cpu);
        var maxima = Tensor.Empty([blocks], DType.Float32, Device.Cpu);
        var bad = FourBit.Quantize(
            FourBitCode.Of(kind), source.DType, source.DataPointer(), count, FourBitWeights.DefaultBlockSize, (byte*)packed.DataPointer(),
            (float*)maxima.DataPointer());
        if (bad >= 0)
        {
            throw new TorchException($"element {bad} of a {source} is infinite or not a number: it cannot be quantised");
        }

        if (!isDouble)
        {
            return new FourBitTensor(kind, source.Shape, source.DType, packed, maxima, null);
        }

        var groups = (blocks + FourBitWeights.NestedBlockSize - 1) / FourBitWeights.NestedBlockSize;
        var codes = Tensor.Empty([blocks], DType.UInt8, Device.Cpu);
        var scales = Tensor.Empty([groups], DType.Float32, Device.Cpu);
        var offset = EightBit.QuantizeMaxima(
            (float*)maxima.DataPointer(), blocks, (byte*)codes.DataPointer(), (float*)scales.DataPointer());
        var map = Tensor.From<float>(DynamicMap.Signed, DynamicMap.Signed.Length);
        return new FourBitTensor(kind, source.Shape, source.DType, packed, codes, new NestedMaxima(scales, map, offset));
    }

    /// <summary>Brings the tensor back to a floating-point type: table value times block maximum, in Float32, then rounded.</summary>
    /// <param name="dtype">Float32, BFloat16 or Float16.</param>
    /// <returns>New tensor of <see cref="Shape"/>, owned by the current scope.</returns>
    public Tensor Dequantize(DType dtype)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Packed.Device.IsCpu ? DequantizeByKernel(dtype) : DequantizeComposed(dtype));
    }

    /// <summary>Moves the tensor to a device.</summary>
    /// <param name="device">Where to.</param>
    /// <returns>This tensor when it is there; else a new one, and this one is disposed.</returns>
    public FourBitTensor MoveTo(Device device)
    {
        if (Packed.Device == device)
        {
            return this;
        }

        using var scope = TensorScope.Enter();
        var nested = Nested is null ? null : new NestedMaxima(Nested.Scales.ToDevice(device), Nested.Map.ToDevice(device), Nested.Offset);
        var moved = new FourBitTensor(Kind, _shape, OriginalType, Packed.ToDevice(device), Maxima.ToDevice(device), nested);
        Dispose();
        return moved;
    }

    /// <summary>Releases all parts.</summary>
    public void Dispose()
    {
        Packed.Dispose();
        Maxima.Dispose();
        Nested?.Scales.Dispose();
        Nested?.Map.Dispose();
    }

    /// <summary>The same by aten operators, for devices without a kernel.</summary>
    internal Tensor DequantizeComposed(DType dtype)
    {
        var device = Packed.Device;
        var maxima = Nested is null
            ? Maxima
            : (Nested.Map.IndexSelect(0, Maxima.To(DType.Int32))
                * Repeated(Nested.Scales, FourBitWeights.NestedBlockSize, Maxima.ElementCount)) + Nested.Offset;
        var bytes = Packed.View(-1).To(DType.Int32);
        var upper = Operators.DivideFloor.Invoke(bytes, 16L, "floor").Single;
        var lower = Operators.AddInPlace.Invoke(bytes, upper, -16L).Single;
        var codes = Tensor.Stack([upper, lower], 1).View(-1).Narrow(0, 0, ElementCount);
        var table = Tensor.From<float>(FourBitCode.Of(Kind).Values, FourBitCode.Count).ToDevice(device);
        var values = table.IndexSelect(0, codes.To(DType.Int32)) * Repeated(maxima, FourBitWeights.DefaultBlockSize, ElementCount);
        return values.To(dtype).View(_shape);
    }

    private static Tensor Repeated(Tensor values, long times, long count) =>
        values.Unsqueeze(1).Expand(-1, times).Reshape(-1).Narrow(0, 0, count);

    private static long ElementsOf(ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (var size in shape)
        {
            count *= size;
        }

        return count;
    }

    private unsafe Tensor DequantizeByKernel(DType dtype)
    {
        var target = Tensor.Empty(_shape, dtype, Device.Cpu);
        FourBit.Dequantize(Weights(), 0, ElementCount, dtype, target.DataPointer());
        return target;
    }

    /// <summary>Where the parts lie in the memory of the host.</summary>
    internal unsafe FourBitWeights Weights() => new()
    {
        Packed = (byte*)Packed.DataPointer(),
        Table = FourBitCode.Of(Kind).Pinned,
        BlockSize = FourBitWeights.DefaultBlockSize,
        Absmax = Nested is null ? (float*)Maxima.DataPointer() : null,
        AbsmaxCodes = Nested is null ? null : (byte*)Maxima.DataPointer(),
        NestedMap = Nested is null ? null : (float*)Nested.Map.DataPointer(),
        NestedAbsmax = Nested is null ? null : (float*)Nested.Scales.DataPointer(),
        NestedOffset = Nested?.Offset ?? 0,
    };
}

/// <summary>The second level of a double quantisation: a block maximum is map[code] x scale of its group of 256 + offset.</summary>
/// <param name="Scales">Float32 [groups].</param>
/// <param name="Map">Float32 [256].</param>
/// <param name="Offset">Mean of the block maxima.</param>
public sealed record NestedMaxima(Tensor Scales, Tensor Map, float Offset);
