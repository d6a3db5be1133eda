using System.Runtime.InteropServices;
using Guanxi.Torch.Kernels;

namespace Guanxi.Torch.Tests.Kernels;

/// <summary>Native memory for one test, with marked bytes on both sides of every piece: disposal finds a kernel that wrote past an
/// end.</summary>
internal sealed unsafe class TestMemory : IDisposable
{
    private const int Guard = 64;
    private const byte Mark = 0xA5;
    private readonly List<(nint Start, int Bytes)> _pieces = [];

    public T* New<T>(int count)
        where T : unmanaged
    {
        var bytes = count * sizeof(T);
        var start = (byte*)NativeMemory.AlignedAlloc((nuint)(bytes + (2 * Guard)), Guard);
        new Span<byte>(start, bytes + (2 * Guard)).Fill(Mark);
        new Span<byte>(start + Guard, bytes).Clear();
        _pieces.Add(((nint)start, bytes));
        return (T*)(start + Guard);
    }

    public T* Of<T>(params ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var piece = New<T>(values.Length);
        values.CopyTo(new Span<T>(piece, values.Length));
        return piece;
    }

    public void* New(DType dtype, int count) => New<byte>(count * dtype.SizeInBytes());

    /// <summary>The values in memory as the element type, each rounded to nearest even.</summary>
    public void* Of(DType dtype, ReadOnlySpan<float> values)
    {
        var piece = New(dtype, values.Length);
        for (var i = 0; i < values.Length; i++)
        {
            switch (dtype)
            {
                case DType.Float32:
                    ((float*)piece)[i] = values[i];
                    break;
                case DType.BFloat16:
                    ((BFloat16*)piece)[i] = BFloat16.FromSingle(values[i]);
                    break;
                default:
                    ((Half*)piece)[i] = (Half)values[i];
                    break;
            }
        }

        return piece;
    }

    public static T[] Read<T>(T* piece, int count)
        where T : unmanaged => new ReadOnlySpan<T>(piece, count).ToArray();

    public static float[] Read(DType dtype, void* piece, int count)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = dtype switch
            {
                DType.Float32 => ((float*)piece)[i],
                DType.BFloat16 => ((BFloat16*)piece)[i].ToSingle(),
                _ => (float)((Half*)piece)[i],
            };
        }

        return values;
    }

    public void Dispose()
    {
        foreach (var (start, bytes) in _pieces)
        {
            var before = new ReadOnlySpan<byte>((byte*)start, Guard);
            var after = new ReadOnlySpan<byte>((byte*)start + Guard + bytes, Guard);
            var intact = before.IndexOfAnyExcept(Mark) < 0 && after.IndexOfAnyExcept(Mark) < 0;
            NativeMemory.AlignedFree((void*)start);
            if (!intact)
            {
                throw new InvalidOperationException($"a kernel wrote outside of a piece of {bytes} bytes");
            }
        }
    }
}
