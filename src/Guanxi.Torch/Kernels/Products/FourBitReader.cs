using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Guanxi.Torch.Kernels.Lanes;
using Guanxi.Torch.Kernels.Quantisation;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>Reads rows of 4-bit numbers that are whole groups: table value times block maximum, rounded to T.</summary>
/// <typeparam name="T"><see cref="float"/> for no rounding, <see cref="BFloat16"/> or <see cref="Half"/>.</typeparam>
internal readonly unsafe struct FourBitReader<T> : IWeightReader
    where T : unmanaged
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;
    private const int PackedGroup = IWeightReader.Group / 2;

    private readonly byte* _packed;
    private readonly FourBitWeights _weights;
    private readonly long _groupsPerRow;
    private readonly int _shift;
    private readonly BytePlanes _planes;

    public FourBitReader(in FourBitWeights weights, long columns)
    {
        _weights = weights;
        _packed = weights.Packed;
        _groupsPerRow = columns / IWeightReader.Group;
        _shift = weights.GroupShift;
        _planes = BytePlanes.Of(weights.Table);
    }

    public static ReadOnlySpan<byte> Order => CellOrder.HalfBytes;

    public static int GroupBytes => PackedGroup;

    [MethodImpl(Inline)]
    public long Place(long row, long group) => (row * _groupsPerRow) + group;

    [MethodImpl(Inline)]
    public void Fetch(long place, long group)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(_packed + ((place + group) * PackedGroup));
        }
    }

    [MethodImpl(Inline)]
    public void First<TLane>(long place, long group, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane> => Read(place + group, 4, out lower, out upper);

    [MethodImpl(Inline)]
    public void Second<TLane>(long place, long group, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane> => Read(place + group, 0, out lower, out upper);

    [MethodImpl(Inline)]
    private void Read<TLane>(long group, int shift, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane>
    {
        var at = _packed + (group * PackedGroup);
        var maximum = _weights.AbsmaxOf(group >> _shift);
        if (typeof(TLane) == typeof(Lane512))
        {
            Read512(at, shift, maximum, out lower, out upper);
        }
        else if (typeof(TLane) == typeof(Lane256) && Avx2.IsSupported)
        {
            if (typeof(T) == typeof(BFloat16))
            {
                ReadRounded256(at, shift, maximum, out lower, out upper);
            }
            else
            {
                Read256(at, shift, maximum, out lower, out upper);
            }
        }
        else
        {
            ReadPortable(at, shift, maximum, out lower, out upper);
        }
    }

    [MethodImpl(Inline)]
    private void Read512<TLane>(byte* at, int shift, float maximum, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane>
    {
        var table = Lane.RoundTo<TLane, T>(TLane.Load(_weights.Table) * TLane.Create(maximum));
        var cells = Unsafe.BitCast<TLane, Lane512>(table).Cells;
        var dealt = Vector256.Shuffle(Vector256.Load((int*)at), Vector256.Create(0, 4, 1, 5, 2, 6, 3, 7)) >> shift;
        var words = Vector512.WidenLower((dealt.AsByte() & Vector256.Create((byte)15)).ToVector512Unsafe());
        lower = Unsafe.BitCast<Lane512, TLane>(new(Vector512.ShuffleNative(cells, Vector512.WidenLower(words).AsInt32())));
        upper = Unsafe.BitCast<Lane512, TLane>(new(Vector512.ShuffleNative(cells, Vector512.WidenUpper(words).AsInt32())));
    }

    [MethodImpl(Inline)]
    private void Read256<TLane>(byte* at, int shift, float maximum, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane>
    {
        var numbers = Numbers(at, shift);
        var (byte0, byte1) = (Avx2.Shuffle(_planes.Plane0, numbers), Avx2.Shuffle(_planes.Plane1, numbers));
        var (byte2, byte3) = (Avx2.Shuffle(_planes.Plane2, numbers), Avx2.Shuffle(_planes.Plane3, numbers));
        var scale = TLane.Create(maximum);
        var (word0, word1) = (Avx2.UnpackLow(byte0, byte1).AsUInt16(), Avx2.UnpackLow(byte2, byte3).AsUInt16());
        lower = Lane.RoundTo<TLane, T>(Pair<TLane>(word0, word1) * scale);
        (word0, word1) = (Avx2.UnpackHigh(byte0, byte1).AsUInt16(), Avx2.UnpackHigh(byte2, byte3).AsUInt16());
        upper = Lane.RoundTo<TLane, T>(Pair<TLane>(word0, word1) * scale);
    }

    // Sixteen roundings a group instead of 64: the table is rounded, and of a bfloat16 only two bytes are looked up.
    [MethodImpl(Inline)]
    private void ReadRounded256<TLane>(byte* at, int shift, float maximum, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane>
    {
        var table = Lane.Narrow<Lane256, T>(Lane256.Load(_weights.Table) * Lane256.Create(maximum));
        var planes = Avx2.Shuffle(table.AsByte(), Vector256.Create(BytePlanes.Split, BytePlanes.Split)).AsUInt64();
        var numbers = Numbers(at, shift);
        var byte2 = Avx2.Shuffle(Avx2.Permute4x64(planes, 0b10_00_10_00).AsByte(), numbers);
        var byte3 = Avx2.Shuffle(Avx2.Permute4x64(planes, 0b11_01_11_01).AsByte(), numbers);
        lower = Pair<TLane>(Vector256<ushort>.Zero, Avx2.UnpackLow(byte2, byte3).AsUInt16());
        upper = Pair<TLane>(Vector256<ushort>.Zero, Avx2.UnpackHigh(byte2, byte3).AsUInt16());
    }

    [MethodImpl(Inline)]
    private static TLane Pair<TLane>(Vector256<ushort> low, Vector256<ushort> high)
        where TLane : struct, ILane<TLane> =>
        Unsafe.BitCast<Lane256, TLane>(new(Avx2.UnpackLow(low, high).AsSingle(), Avx2.UnpackHigh(low, high).AsSingle()));

    [MethodImpl(Inline)]
    private static Vector256<byte> Numbers(byte* at, int shift) =>
        (Vector256.Load(at).AsUInt16() >> shift).AsByte() & Vector256.Create((byte)15);

    private void ReadPortable<TLane>(byte* at, int shift, float maximum, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane>
    {
        var values = stackalloc float[PackedGroup];
        for (var cell = 0; cell < PackedGroup; cell++)
        {
            values[cell] = _weights.Table[(at[Order[cell] / 2] >> shift) & 15] * maximum;
        }

        lower = Lane.RoundTo<TLane, T>(TLane.Load(values));
        upper = Lane.RoundTo<TLane, T>(TLane.Load(values + Lane.Width));
    }
}

/// <summary>Reads a 4-bit matrix whose rows begin anywhere in a block, one number at a time; columns beyond a row's end read as zeros.</summary>
/// <typeparam name="T">As for <see cref="FourBitReader{T}"/>.</typeparam>
internal readonly unsafe struct RaggedFourBitReader<T>(in FourBitWeights weights, long columns) : IWeightReader
    where T : unmanaged
{
    private readonly FourBitWeights _weights = weights;

    public static ReadOnlySpan<byte> Order => CellOrder.Natural;

    public static int GroupBytes => IWeightReader.Group / 2;

    // Group and row together: the row's end is asked for.
    public long Place(long row, long group) => (row << 32) | group;

    public void Fetch(long place, long group)
    {
    }

    public void First<TLane>(long place, long group, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane> => Read(place, group * IWeightReader.Group, out lower, out upper);

    public void Second<TLane>(long place, long group, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane> => Read(place, (group * IWeightReader.Group) + (IWeightReader.Group / 2), out lower, out upper);

    private void Read<TLane>(long place, long offset, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane>
    {
        var (row, column) = (place >> 32, ((place & uint.MaxValue) * IWeightReader.Group) + offset);
        var values = stackalloc T[IWeightReader.Group / 2];
        new Span<T>(values, IWeightReader.Group / 2).Clear();
        var first = (row * columns) + column;
        var count = Math.Clamp(columns - column, 0, IWeightReader.Group / 2);
        FourBitScalar.Dequantize(_weights, first, first + count, values - first);
        lower = Lane.Load<TLane, T>(values);
        upper = Lane.Load<TLane, T>(values + Lane.Width);
    }
}
