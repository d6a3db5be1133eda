using System.Runtime.InteropServices;
using System.Text;

namespace Guanxi.Torch;

/// <summary>One operator of libtorch, found by name at its first call and then called boxed through the dispatcher.</summary>
internal sealed unsafe class Operator(string name, string overload)
{
    private const int ResultCapacity = 8;

    private nint _handle;

    public override string ToString() => overload.Length == 0 ? name : $"{name}.{overload}";

    /// <summary>Calls the operator; arguments left out at the end take the schema's defaults.</summary>
    /// <exception cref="TorchException">libtorch lacks the operator or refuses the arguments.</exception>
    public OperatorResult Invoke(params ReadOnlySpan<Argument> arguments)
    {
        if (_handle == 0)
        {
            Find();
        }

        var values = stackalloc NativeValue[arguments.Length];
        var results = stackalloc NativeValue[ResultCapacity];
        var held = 0;
        try
        {
            for (; held < arguments.Length; held++)
            {
                arguments[held].Hold(ref values[held]);
            }

            Native.Check(
                Native.gx_operator_call(_handle, values, arguments.Length, results, ResultCapacity, out var resultCount), ToString());
            return OperatorResult.Take(new ReadOnlySpan<NativeValue>(results, resultCount));
        }
        finally
        {
            for (var i = 0; i < held; i++)
            {
                arguments[i].Release(in values[i]);
            }
        }
    }

    private void Find()
    {
        var nameBytes = Encoding.UTF8.GetBytes(name);
        var overloadBytes = Encoding.UTF8.GetBytes(overload);
        fixed (byte* namePointer = nameBytes, overloadPointer = overloadBytes)
        {
            var none = (byte)0;
            Native.Check(
                Native.gx_operator_find(
                    namePointer, nameBytes.Length, overloadPointer is null ? &none : overloadPointer, overloadBytes.Length, out var found),
                ToString());
            _handle = found;
        }
    }
}

/// <summary>What an operator answered: one tensor, several, or a scalar.</summary>
internal readonly struct OperatorResult
{
    private readonly Tensor?[] _tensors;

    private OperatorResult(Tensor?[] tensors, double scalar)
    {
        _tensors = tensors;
        Scalar = scalar;
    }

    public double Scalar { get; }

    public Tensor Single => _tensors[0] ?? throw new TorchException("an operator answered with an undefined tensor");

    public Tensor this[int index] => _tensors[index] ?? throw new TorchException("an operator answered with an undefined tensor");

    public static implicit operator Tensor(OperatorResult result) => result.Single;

    public Tensor[] ToArray() => Array.ConvertAll(_tensors, tensor => tensor!);

    internal static unsafe OperatorResult Take(ReadOnlySpan<NativeValue> values)
    {
        var tensors = new List<Tensor?>(values.Length);
        double scalar = 0;
        foreach (ref readonly var value in values)
        {
            switch (value.Tag)
            {
                case NativeTag.Tensor:
                    tensors.Add(new Tensor(value.Pointer));
                    break;
                case NativeTag.TensorList:
                    foreach (var handle in new ReadOnlySpan<nint>((void*)value.Pointer, (int)value.Integer))
                    {
                        tensors.Add(new Tensor(handle));
                    }

                    Native.gx_list_free(value.Pointer);
                    break;
                case NativeTag.Double:
                    scalar = value.Real;
                    break;
                case NativeTag.Int or NativeTag.Bool:
                    scalar = value.Integer;
                    break;
                default:
                    tensors.Add(null);
                    break;
            }
        }

        return new OperatorResult([.. tensors], scalar);
    }
}

/// <summary>A typed argument of an operator, made by conversion from the C# value.</summary>
internal readonly struct Argument
{
    private readonly NativeTag _tag;
    private readonly long _integer;
    private readonly double _real;
    private readonly object? _reference;

    private Argument(NativeTag tag, long integer, double real, object? reference)
    {
        _tag = tag;
        _integer = integer;
        _real = real;
        _reference = reference;
    }

    public static Argument None => default;

    public static implicit operator Argument(Tensor? value) => value is null ? default : new(NativeTag.Tensor, 0, 0, value);

    public static implicit operator Argument(long value) => new(NativeTag.Int, value, 0, null);

    public static implicit operator Argument(double value) => new(NativeTag.Double, 0, value, null);

    public static implicit operator Argument(bool value) => new(NativeTag.Bool, value ? 1 : 0, 0, null);

    public static implicit operator Argument(string value) => new(NativeTag.String, 0, 0, Encoding.UTF8.GetBytes(value));

    public static implicit operator Argument(long[] value) => new(NativeTag.IntList, value.Length, 0, value);

    public static implicit operator Argument(Tensor[] value) => new(NativeTag.TensorList, value.Length, 0, value);

    public static implicit operator Argument(DType value) => (long)value;

    public static implicit operator Argument(Device value) => new(NativeTag.Device, value.Code, 0, null);

    /// <summary>Writes the native form and keeps what it points to alive until <see cref="Release"/>.</summary>
    internal unsafe void Hold(ref NativeValue value)
    {
        value = new NativeValue { Tag = _tag, Integer = _integer, Real = _real };
        switch (_reference)
        {
            case Tensor tensor:
                value.Pointer = HandleArray.AddReference(tensor);
                break;
            case long[] integers:
                value.Pointer = Copy<long>(integers);
                break;
            case byte[] text:
                value.Integer = text.Length;
                value.Pointer = Copy<byte>(text);
                break;
            case Tensor[] tensors:
                value.Pointer = (nint)NativeMemory.Alloc((nuint)Math.Max(tensors.Length, 1), (nuint)sizeof(nint));
                HandleArray.AddReferences(tensors!, (nint*)value.Pointer);
                break;
        }
    }

    internal unsafe void Release(in NativeValue value)
    {
        switch (_reference)
        {
            case Tensor tensor:
                tensor.Handle.DangerousRelease();
                break;
            case Tensor[] tensors:
                HandleArray.Release(tensors!);
                NativeMemory.Free((void*)value.Pointer);
                break;
            case not null:
                NativeMemory.Free((void*)value.Pointer);
                break;
        }
    }

    private static unsafe nint Copy<T>(ReadOnlySpan<T> items)
        where T : unmanaged
    {
        var memory = NativeMemory.Alloc((nuint)Math.Max(items.Length, 1), (nuint)sizeof(T));
        items.CopyTo(new Span<T>(memory, items.Length));
        return (nint)memory;
    }
}

/// <summary>The one way by which tensors' handles reach native arrays: counted, so that none is freed during the call.</summary>
internal static unsafe class HandleArray
{
    internal static nint AddReference(Tensor tensor)
    {
        var added = false;
        tensor.Handle.DangerousAddRef(ref added);
        return tensor.Handle.DangerousGetHandle();
    }

    internal static void AddReferences(ReadOnlySpan<Tensor?> tensors, nint* handles)
    {
        for (var i = 0; i < tensors.Length; i++)
        {
            try
            {
                handles[i] = tensors[i] is { } tensor ? AddReference(tensor) : 0;
            }
            catch (ObjectDisposedException)
            {
                // Those counted so far must not stay counted: their memory would never be freed.
                Release(tensors[..i]);
                throw;
            }
        }
    }

    internal static void Release(ReadOnlySpan<Tensor?> tensors)
    {
        foreach (var tensor in tensors)
        {
            tensor?.Handle.DangerousRelease();
        }
    }
}
