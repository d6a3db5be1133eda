using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;
using Guanxi.Torch.Kernels.Quantisation;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>A stored matrix that is read piece by piece as float32, whatever it is stored as.</summary>
/// <param name="owner">Whose memory it is; kept from the garbage collector as long as there is something that reads it.</param>
/// <param name="rows">Rows.</param>
/// <param name="columns">Columns.</param>
internal abstract unsafe class MatrixSource(object owner, long rows, long columns)
{
    // Rows that are read at once on their way into panels: with 128 columns they take a quarter of the first-level cache.
    private const int RowsAtOnce = 16;

    /// <summary>Whose memory it is.</summary>
    public object Owner { get; } = owner;

    /// <summary>Rows of the matrix.</summary>
    public long Rows { get; } = rows;

    /// <summary>Columns of the matrix.</summary>
    public long Columns { get; } = columns;

    /// <summary>Reads a block.</summary>
    /// <typeparam name="TLane">Registers of one level.</typeparam>
    /// <param name="row">First row.</param>
    /// <param name="count">Rows.</param>
    /// <param name="column">First column; a multiple of 64.</param>
    /// <param name="width">Columns, at most <see cref="Tile.Depth"/>.</param>
    /// <param name="target">[count, width].</param>
    /// <param name="stride">Elements between rows of the target.</param>
    public abstract void Read<TLane>(long row, long count, long column, long width, float* target, long stride)
        where TLane : struct, ILane<TLane>;

    /// <summary>Reads a block, rounded to bfloat16.</summary>
    /// <typeparam name="TLane">Registers of one level.</typeparam>
    /// <param name="row">First row.</param>
    /// <param name="count">Rows.</param>
    /// <param name="column">First column; a multiple of 64.</param>
    /// <param name="width">Columns.</param>
    /// <param name="target">[count, width].</param>
    /// <param name="stride">Elements between rows of the target.</param>
    public virtual void Read<TLane>(long row, long count, long column, long width, BFloat16* target, long stride)
        where TLane : struct, ILane<TLane>
    {
        var buffer = stackalloc float[Tile.Depth];
        for (long i = 0; i < count; i++)
        {
            for (long done = 0; done < width; done += Tile.Depth)
            {
                var some = Math.Min(Tile.Depth, width - done);
                Read<TLane>(row + i, 1, column + done, some, buffer, some);
                PanelCopy.Narrow<TLane>(buffer, target + (i * stride) + done, some);
            }
        }
    }

    /// <summary>Order of the cells that <see cref="MultiplyFew"/> takes.</summary>
    public abstract ReadOnlySpan<byte> Order { get; }

    /// <summary>Multiplies a block of rows by a few tokens, without storing any weight as float32.</summary>
    /// <typeparam name="TLane">Registers of one level.</typeparam>
    /// <param name="row">First row.</param>
    /// <param name="count">Rows.</param>
    /// <param name="input">The tokens, in <see cref="Order"/>.</param>
    /// <param name="sums">[count, padded tokens] lanes, added to: the result is the sum of each lane's cells.</param>
    public abstract void MultiplyFew<TLane>(long row, long count, TokenCells input, float* sums)
        where TLane : struct, ILane<TLane>;

    /// <summary>Reads a block into panels of sixteen columns.</summary>
    /// <typeparam name="TLane">Registers of one level.</typeparam>
    /// <param name="row">First row.</param>
    /// <param name="count">Rows.</param>
    /// <param name="column">First column; a multiple of 64.</param>
    /// <param name="width">Columns, at most <see cref="Tile.Depth"/>.</param>
    /// <param name="target">[width / 16, count, 16]; columns that fill the last panel up become zero.</param>
    public void ReadPanels<TLane>(long row, long count, long column, long width, float* target)
        where TLane : struct, ILane<TLane>
    {
        var buffer = stackalloc float[RowsAtOnce * Tile.Depth];
        for (long done = 0; done < count; done += RowsAtOnce)
        {
            var some = Math.Min(RowsAtOnce, count - done);
            Read<TLane>(row + done, some, column, width, buffer, width);
            PanelCopy.Rows<TLane>(buffer, width, some, width, target + (done * Tile.Columns), count * Tile.Columns);
        }
    }
}

/// <summary>A matrix of floating-point numbers in row-major order.</summary>
/// <typeparam name="T">How they are stored: <see cref="float"/>, <see cref="BFloat16"/> or <see cref="Half"/>.</typeparam>
internal sealed unsafe class DenseSource<T>(object owner, T* data, long rows, long columns) : MatrixSource(owner, rows, columns)
    where T : unmanaged
{
    // A part of a row is too short for the processor to see which memory comes next.
    private const long RowsAhead = 2;

    public override ReadOnlySpan<byte> Order => DenseReader<T>.Order;

    public override void MultiplyFew<TLane>(long row, long count, TokenCells input, float* sums) =>
        DenseReader<T>.Multiply<TLane>(data, Columns, row, count, input, sums);

    public override void Read<TLane>(long row, long count, long column, long width, float* target, long stride)
    {
        for (long i = 0; i < count; i++)
        {
            PanelCopy.Widen<TLane, T>(data + ((row + i) * Columns) + column, target + (i * stride), width);
        }
    }

    public override void Read<TLane>(long row, long count, long column, long width, BFloat16* target, long stride)
    {
        if (typeof(T) == typeof(Half))
        {
            base.Read<TLane>(row, count, column, width, target, stride);
            return;
        }

        const int Group = IWeightReader.Group;
        var reader = new DenseReader<T>(data, Columns);
        for (long i = 0; i < count; i++)
        {
            var from = data + ((row + i) * Columns) + column;
            var ahead = reader.Place(row + i + RowsAhead, column / Group);
            for (long group = 0; group * Group < width; group++)
            {
                reader.Fetch(ahead, group);
            }

            if (typeof(T) == typeof(float))
            {
                PanelCopy.Narrow<TLane>((float*)from, target + (i * stride), width);
            }
            else
            {
                new ReadOnlySpan<BFloat16>(from, (int)width).CopyTo(new Span<BFloat16>(target + (i * stride), (int)width));
            }
        }
    }
}

/// <summary>A matrix of 8-bit integers, 127 of them the largest magnitude of their row.</summary>
internal sealed unsafe class EightBitSource(object owner, sbyte* data, float* maxima, long rows, long columns) : MatrixSource(owner, rows, columns)
{
    private const float Unit = 1f / sbyte.MaxValue;

    public override ReadOnlySpan<byte> Order => DenseReader<sbyte>.Order;

    public override void MultiplyFew<TLane>(long row, long count, TokenCells input, float* sums)
    {
        DenseReader<sbyte>.Multiply<TLane>(data, Columns, row, count, input, sums);
        for (long i = 0; i < count; i++)
        {
            var scale = TLane.Create(maxima[row + i] * Unit);
            for (long token = 0; token < input.Padded; token++, sums += Lane.Width)
            {
                TLane.Store(TLane.Load(sums) * scale, sums);
            }
        }
    }

    public override void Read<TLane>(long row, long count, long column, long width, float* target, long stride)
    {
        for (long i = 0; i < count; i++)
        {
            DenseReader<sbyte>.Widen<TLane>(data + ((row + i) * Columns) + column, maxima[row + i] * Unit, target + (i * stride), width);
        }
    }
}

/// <summary>A matrix in 4 bits whose rows are whole groups of 64 elements.</summary>
/// <typeparam name="T">What its elements are rounded to on the way to float32; <see cref="float"/> for no rounding.</typeparam>
internal sealed unsafe class FourBitSource<T>(object owner, FourBitWeights weights, long rows, long columns)
    : MatrixSource(owner, rows, columns)
    where T : unmanaged
{
    private readonly FourBitWeights _weights = weights;

    public override ReadOnlySpan<byte> Order => FourBitReader<T>.Order;

    public override void MultiplyFew<TLane>(long row, long count, TokenCells input, float* sums) =>
        FewTokenProduct.Multiply<TLane, FourBitReader<T>>(new(_weights, Columns), row, count, input, 0, input.Groups, sums);

    public override void Read<TLane>(long row, long count, long column, long width, float* target, long stride)
    {
        var runs = RunsOf(row, count, column, width, stride);
        if (typeof(T) == typeof(float))
        {
            FourBit.DequantizeRuns<TLane, float>(_weights, runs, target);
            return;
        }

        // Sixteen bits go into the upper half of the memory that thirty-two will fill: widening from the front never overtakes it.
        var half = (T*)(target + ((count - 1) * stride) + width) - (((count - 1) * stride) + width);
        FourBit.DequantizeRuns<TLane, T>(_weights, runs, half);
        for (long i = 0; i < count; i++)
        {
            PanelCopy.Widen<TLane, T>(half + (i * stride), target + (i * stride), width);
        }
    }

    public override void Read<TLane>(long row, long count, long column, long width, BFloat16* target, long stride)
    {
        if (typeof(T) == typeof(Half))
        {
            base.Read<TLane>(row, count, column, width, target, stride);
            return;
        }

        FourBit.DequantizeRuns<TLane, BFloat16>(_weights, RunsOf(row, count, column, width, stride), target);
    }

    private GroupRuns RunsOf(long row, long count, long column, long width, long stride) => new(
        ((row * Columns) + column) / GroupRuns.GroupSize, width / GroupRuns.GroupSize, count, Columns / GroupRuns.GroupSize, stride);
}

/// <summary>A matrix in 4 bits whose rows begin anywhere in a block.</summary>
/// <typeparam name="T">As for <see cref="FourBitSource{T}"/>.</typeparam>
internal sealed unsafe class RaggedFourBitSource<T>(object owner, FourBitWeights weights, long rows, long columns)
    : MatrixSource(owner, rows, columns)
    where T : unmanaged
{
    private readonly FourBitWeights _weights = weights;

    public override ReadOnlySpan<byte> Order => RaggedFourBitReader<T>.Order;

    public override void MultiplyFew<TLane>(long row, long count, TokenCells input, float* sums) =>
        FewTokenProduct.Multiply<TLane, RaggedFourBitReader<T>>(new(_weights, Columns), row, count, input, 0, input.Groups, sums);

    public override void Read<TLane>(long row, long count, long column, long width, float* target, long stride)
    {
        var values = stackalloc T[Tile.Depth];
        for (long i = 0; i < count; i++)
        {
            var first = ((row + i) * Columns) + column;
            FourBitScalar.Dequantize(_weights, first, first + width, values - first);
            PanelCopy.Widen<TLane, T>(values, target + (i * stride), width);
        }
    }
}

/// <summary>Copies between the orders of memory.</summary>
internal static unsafe class PanelCopy
{
    /// <summary>Copies rows to their places in panels that are <paramref name="panelStride"/> apart.</summary>
    [MethodImpl(KernelRunner.Hot)]
    public static void Rows<TLane>(float* from, long fromStride, long rows, long width, float* to, long panelStride)
        where TLane : struct, ILane<TLane>
    {
        for (long row = 0; row < rows; row++)
        {
            var source = from + (row * fromStride);
            var target = to + (row * Tile.Columns);
            var rest = width;
            for (; rest >= Tile.Columns; rest -= Tile.Columns, source += Tile.Columns, target += panelStride)
            {
                TLane.Store(TLane.Load(source), target);
            }

            if (rest > 0)
            {
                TLane.Store(Lane.LoadPart<TLane, float>(source, rest), target);
            }
        }
    }

    /// <summary>Copies elements as float32.</summary>
    [MethodImpl(KernelRunner.Hot)]
    public static void Widen<TLane, T>(T* from, float* to, long count)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        long i = 0;
        for (; i + Lane.Width <= count; i += Lane.Width)
        {
            TLane.Store(Lane.Load<TLane, T>(from + i), to + i);
        }

        if (i < count)
        {
            Lane.StorePart(Lane.LoadPart<TLane, T>(from + i, count - i), to + i, count - i);
        }
    }

    /// <summary>Copies elements, rounded to bfloat16.</summary>
    [MethodImpl(KernelRunner.Hot)]
    public static void Narrow<TLane>(float* from, BFloat16* to, long count)
        where TLane : struct, ILane<TLane>
    {
        long i = 0;
        for (; i + Lane.Width <= count; i += Lane.Width)
        {
            Lane.Store(TLane.Load(from + i), to + i);
        }

        if (i < count)
        {
            Lane.StorePart(Lane.LoadPart<TLane, float>(from + i, count - i), to + i, count - i);
        }
    }
}
