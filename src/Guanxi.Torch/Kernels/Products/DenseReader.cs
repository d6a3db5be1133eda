using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>Reads rows of numbers.</summary>
/// <typeparam name="T"><see cref="float"/>, <see cref="BFloat16"/>, <see cref="Half"/> or <see cref="sbyte"/>.</typeparam>
internal readonly unsafe struct DenseReader<T>(T* data, long columns) : IWeightReader
    where T : unmanaged
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;
    private const int LineBytes = 64;
    private const int TailRows = 4;

    public static ReadOnlySpan<byte> Order => CellOrder.Natural;

    public static int GroupBytes => IWeightReader.Group * sizeof(T);

    [MethodImpl(Inline)]
    public long Place(long row, long group) => (row * columns) + (group * IWeightReader.Group);

    [MethodImpl(Inline)]
    public void Fetch(long place, long group)
    {
        if (Sse.IsSupported)
        {
            var at = (byte*)(data + place + (group * IWeightReader.Group));
            for (var line = 0; line < GroupBytes; line += LineBytes)
            {
                Sse.Prefetch0(at + line);
            }
        }
    }

    [MethodImpl(Inline)]
    public void First<TLane>(long place, long group, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane> => Read(data + place + (group * IWeightReader.Group), out lower, out upper);

    [MethodImpl(Inline)]
    public void Second<TLane>(long place, long group, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane> =>
        Read(data + place + (group * IWeightReader.Group) + (IWeightReader.Group / 2), out lower, out upper);

    /// <summary>Multiplies a block of rows; see <see cref="MatrixSource.MultiplyFew"/>.</summary>
    public static void Multiply<TLane>(T* data, long columns, long row, long count, TokenCells input, float* sums)
        where TLane : struct, ILane<TLane>
    {
        const int Group = IWeightReader.Group;
        var whole = columns / Group;
        FewTokenProduct.Multiply<TLane, DenseReader<T>>(new(data, columns), row, count, input, 0, whole, sums);
        var rest = (int)(columns % Group);
        if (rest == 0)
        {
            return;
        }

        // What is left of each row, filled up with zeros: behind it lies another row, or nothing.
        var tail = stackalloc T[Group * TailRows];
        new Span<T>(tail, Group * TailRows).Clear();
        for (long i = 0; i < count; i += TailRows, sums += TailRows * input.Padded * Lane.Width)
        {
            var some = Math.Min(TailRows, count - i);
            for (long j = 0; j < some; j++)
            {
                new ReadOnlySpan<T>(data + ((row + i + j + 1) * columns) - rest, rest).CopyTo(new Span<T>(tail + (j * Group), rest));
            }

            FewTokenProduct.Multiply<TLane, DenseReader<T>>(new(tail - (whole * Group), Group), 0, some, input, whole, whole + 1, sums);
        }
    }

    /// <summary>Copies 8-bit integers as float32 times a scale.</summary>
    [MethodImpl(KernelRunner.Hot)]
    public static void Widen<TLane>(sbyte* from, float scale, float* to, long count)
        where TLane : struct, ILane<TLane>
    {
        var factor = TLane.Create(scale);
        long i = 0;
        for (; i + Lane.Width <= count; i += Lane.Width)
        {
            TLane.Store(FromBytes<TLane>((byte*)from + i) * factor, to + i);
        }

        for (; i < count; i++)
        {
            to[i] = from[i] * scale;
        }
    }

    [MethodImpl(Inline)]
    private static void Read<TLane>(T* at, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane>
    {
        if (typeof(T) == typeof(sbyte))
        {
            lower = FromBytes<TLane>((byte*)at);
            upper = FromBytes<TLane>((byte*)at + Lane.Width);
        }
        else
        {
            lower = Lane.Load<TLane, T>(at);
            upper = Lane.Load<TLane, T>(at + Lane.Width);
        }
    }

    // Widened without their sign and given it by the shift back.
    [MethodImpl(Inline)]
    private static TLane FromBytes<TLane>(byte* at)
        where TLane : struct, ILane<TLane> =>
        TLane.ToFloat(TLane.ShiftRightArithmetic(
            TLane.ShiftLeft(TLane.WidenInt(Vector256.WidenLower(Vector128.Load(at).ToVector256Unsafe())), 24), 24));
}
