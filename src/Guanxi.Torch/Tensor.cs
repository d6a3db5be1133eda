using System.Runtime.CompilerServices;

namespace Guanxi.Torch;

/// <summary>An n-dimensional array held by libtorch. Every operation gives a new tensor, owned by the current <see cref="TensorScope"/>.</summary>
public sealed partial class Tensor : IDisposable
{
    private readonly nint _data;
    private long[]? _shape;
    private long[]? _strides;

    internal Tensor(nint handle)
    {
        Handle = new TensorHandle(handle, out var info);
        _data = info.Data;
        ElementCount = info.ElementCount;
        DType = (DType)info.DType;
        Device = new Device((DeviceKind)info.DeviceType, info.DeviceIndex);
        Rank = info.Rank;
        IsContiguous = info.IsContiguous != 0;
        if (!TensorScope.TryAdopt(this))
        {
            Handle.Report();
        }
    }

    /// <summary>Number of elements.</summary>
    public long ElementCount { get; }

    /// <summary>Element type.</summary>
    public DType DType { get; }

    /// <summary>Where the memory is.</summary>
    public Device Device { get; }

    /// <summary>Number of dimensions.</summary>
    public int Rank { get; }

    /// <summary>Whether elements lie in row-major order without gaps.</summary>
    public bool IsContiguous { get; }

    /// <summary>Size of every dimension.</summary>
    public ReadOnlySpan<long> Shape => _shape ?? ReadLayout();

    /// <summary>Step, in elements, of every dimension.</summary>
    public ReadOnlySpan<long> Strides
    {
        get
        {
            _ = _shape ?? ReadLayout();
            return _strides;
        }
    }

    /// <summary>Whether gradients are computed for it.</summary>
    public bool RequiresGrad
    {
        get
        {
            Native.Check(Native.gx_tensor_describe(Handle, out var info), nameof(RequiresGrad));
            return info.RequiresGrad != 0;
        }

        set => Native.Check(Native.gx_tensor_set_requires_grad(Handle, value ? (byte)1 : (byte)0), nameof(RequiresGrad));
    }

    /// <summary>The gradient accumulated so far, or null. Reading gives a new tensor over the same memory; setting replaces it.</summary>
    /// <exception cref="ObjectDisposedException">This tensor or the new gradient was disposed.</exception>
    public Tensor? Grad
    {
        get
        {
            Native.Check(Native.gx_tensor_grad(Handle, out var grad), nameof(Grad));
            return grad == 0 ? null : new Tensor(grad);
        }

        set
        {
            var grad = value is null ? 0 : HandleArray.AddReference(value);
            try
            {
                Native.Check(Native.gx_tensor_set_grad(Handle, grad), nameof(Grad));
            }
            finally
            {
                value?.Handle.DangerousRelease();
            }
        }
    }

    internal TensorHandle Handle { get; }

    internal TensorScope.Frame? Owner { get; set; }

    /// <summary>Size of one dimension.</summary>
    /// <param name="dimension">Index from 0; negative counts from the end.</param>
    /// <returns>The size.</returns>
    public long Size(int dimension) => Shape[dimension < 0 ? Rank + dimension : dimension];

    /// <summary>The memory as elements of <typeparamref name="T"/>.</summary>
    /// <typeparam name="T">A type of the elements' size, e.g. <see cref="ushort"/> for bf16.</typeparam>
    /// <returns>A span that is valid as long as this tensor is not disposed.</returns>
    /// <exception cref="InvalidOperationException">Not contiguous, not on the CPU, too long for a span, or of another element size.</exception>
    public unsafe Span<T> AsSpan<T>()
        where T : unmanaged
    {
        if (Unsafe.SizeOf<T>() != DType.SizeInBytes() || ElementCount > int.MaxValue)
        {
            throw new InvalidOperationException($"a {this} is no span of {typeof(T).Name}");
        }

        return new Span<T>(DataPointer(), (int)ElementCount);
    }

    /// <summary>Copies the elements out.</summary>
    /// <typeparam name="T">A type of the elements' size.</typeparam>
    /// <returns>A new array in row-major order.</returns>
    /// <exception cref="InvalidOperationException">Another element size, or too many elements.</exception>
    public T[] ToArray<T>()
        where T : unmanaged
    {
        using var scope = TensorScope.Enter();
        return ToDevice(Device.Cpu).Contiguous().AsSpan<T>().ToArray();
    }

    /// <summary>The one element of a tensor.</summary>
    /// <returns>Its value.</returns>
    /// <exception cref="TorchException">There is more than one element.</exception>
    public double Item() => Operators.Item.Invoke(this).Scalar;

    /// <summary>Another object over the same native tensor, graph and gradient included; owned by the current scope.</summary>
    /// <returns>The alias.</returns>
    public Tensor Alias()
    {
        Native.Check(Native.gx_tensor_alias(Handle, out var alias), nameof(Alias));
        return new Tensor(alias);
    }

    /// <summary>Runs the backward pass from this tensor, with gradient 1, into the leaves' <see cref="Grad"/>.</summary>
    public void Backward() => Autograd.Backward([this], [null]);

    /// <summary>Releases the native tensor. Its memory goes when the last view and the graph let go of it.</summary>
    public void Dispose()
    {
        TensorScope.Remove(this).Handle.Dispose();
    }

    /// <summary>Element type, shape and device, e.g. <c>Float32[3, 4] on cpu</c>.</summary>
    /// <returns>A description without the elements.</returns>
    public override string ToString() => Handle.IsClosed ? "disposed tensor" : $"{DType}[{string.Join(", ", Shape.ToArray())}] on {Device}";

    /// <summary>First element, for the CPU kernels.</summary>
    /// <exception cref="InvalidOperationException">Not contiguous, or not on the CPU.</exception>
    internal unsafe void* DataPointer()
    {
        ObjectDisposedException.ThrowIf(Handle.IsClosed, this);
        if (!IsContiguous || !Device.IsCpu)
        {
            throw new InvalidOperationException($"the memory of a {this} cannot be read as one row-major block");
        }

        return (void*)_data;
    }

    private unsafe long[] ReadLayout()
    {
        var shape = new long[Rank];
        var strides = new long[Rank];
        fixed (long* sizePointer = shape, stridePointer = strides)
        {
            Native.Check(Native.gx_tensor_layout(Handle, sizePointer, stridePointer), nameof(Shape));
        }

        _strides = strides;
        _shape = shape;
        return shape;
    }
}
