using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Copies of vectors as float32 in the order in which <see cref="AttentionProduct"/> reads them.</summary>
/// <remarks>A panel is one lane wide and lies in memory without gaps: the processor reads it as a stream, and its lines do not crowd into
/// a few places of the cache. What fills up to whole lanes is zero.</remarks>
internal static unsafe class AttentionPanels
{
    private const int Four = 4;

    /// <summary>The keys or values that one key head of one row sees.</summary>
    /// <typeparam name="T">Element type.</typeparam>
    /// <param name="prefix">The head's vector of the first prefix token; unused without a prefix.</param>
    /// <param name="own">The head's vector of the row's first token.</param>
    /// <param name="prefixCount">Tokens of the prefix.</param>
    /// <param name="count">Tokens of both.</param>
    /// <param name="stride">Elements from one token to the next.</param>
    internal readonly struct Source<T>(T* prefix, T* own, int prefixCount, int count, long stride)
        where T : unmanaged
    {
        /// <summary>Tokens.</summary>
        public int Count => count;

        /// <summary>One token's vector.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public T* At(int token) => token < prefixCount ? prefix + (token * stride) : own + ((token - prefixCount) * stride);
    }

    /// <summary>Both forms of a matrix [count, dim]; either may be left out by a null pointer.</summary>
    /// <typeparam name="TLane">The lane.</typeparam>
    /// <typeparam name="T">Element type.</typeparam>
    /// <param name="source">The vectors.</param>
    /// <param name="dim">Elements of a vector.</param>
    /// <param name="across">[padded count / 16, padded dim, 16]: panels of sixteen tokens, for products that sum over a vector.</param>
    /// <param name="along">[padded dim / 16, padded count, 16]: panels of sixteen elements, for products that sum over tokens.</param>
    [MethodImpl(KernelRunner.Hot)]
    public static void Pack<TLane, T>(in Source<T> source, int dim, float* across, float* along)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        var (paddedDim, paddedCount) = (AttentionRows.Padded(dim), AttentionRows.Padded(source.Count));
        var strip = stackalloc float[along is null ? paddedDim * Lane.Width : 1];
        var panel = Lane.Width * (along is null ? Lane.Width : paddedCount); // from one sixteen elements of a token to the next
        for (var token = 0; token < paddedCount; token += Lane.Width)
        {
            var target = along is null ? strip : along + (token * Lane.Width);
            for (var i = 0; i < Lane.Width; i++)
            {
                Spread<TLane, T>(token + i < source.Count ? source.At(token + i) : null, dim, target + (i * Lane.Width), panel);
            }

            for (var column = 0; across is not null && column < paddedDim; column += Lane.Width)
            {
                Transpose(target + ((long)column / Lane.Width * panel), across + ((long)token * paddedDim) + (column * Lane.Width));
            }
        }
    }

    // One vector from its first element to the last, as the processor foresees it; nothing gives zeros.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Spread<TLane, T>(T* source, int dim, float* target, int panel)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        for (var column = 0; column < dim; column += Lane.Width, target += panel)
        {
            TLane.Store(source is null ? TLane.Create(0f) : LoadUpTo<TLane, T>(source + column, dim - column), target);
        }
    }

    /// <summary>Vectors times a factor, one after the other in rows of whole lanes.</summary>
    /// <typeparam name="TLane">The lane.</typeparam>
    /// <typeparam name="T">Element type.</typeparam>
    /// <param name="source">The first vector.</param>
    /// <param name="stride">Elements from one to the next.</param>
    /// <param name="factor">The factor.</param>
    /// <param name="target">[count, padded dim].</param>
    /// <param name="count">Vectors.</param>
    /// <param name="dim">Elements of a vector.</param>
    [MethodImpl(KernelRunner.Hot)]
    public static void Read<TLane, T>(T* source, long stride, float factor, float* target, int count, int dim)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        var times = TLane.Create(factor);
        for (var i = 0; i < count; i++, source += stride)
        {
            for (var column = 0; column < dim; column += Lane.Width, target += Lane.Width)
            {
                TLane.Store(LoadUpTo<TLane, T>(source + column, dim - column) * times, target);
            }
        }
    }

    /// <summary>One row of whole lanes times a factor, rounded to the element type.</summary>
    /// <typeparam name="TLane">The lane.</typeparam>
    /// <typeparam name="T">Element type.</typeparam>
    /// <param name="source">[padded dim].</param>
    /// <param name="factor">The factor.</param>
    /// <param name="target">[dim].</param>
    /// <param name="dim">Elements of the vector.</param>
    [MethodImpl(KernelRunner.Hot)]
    public static void Write<TLane, T>(float* source, float factor, T* target, int dim)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        var times = TLane.Create(factor);
        var column = 0;
        for (; column <= dim - Lane.Width; column += Lane.Width)
        {
            Lane.Store(TLane.Load(source + column) * times, target + column);
        }

        if (column < dim)
        {
            Lane.StorePart(TLane.Load(source + column) * times, target + column, dim - column);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLane LoadUpTo<TLane, T>(T* source, int room)
        where TLane : struct, ILane<TLane>
        where T : unmanaged => room >= Lane.Width ? Lane.Load<TLane, T>(source) : Lane.LoadPart<TLane, T>(source, room);

    /// <summary>A square of sixteen by sixteen; it moves values and computes none, so it need not be written on lanes.</summary>
    [MethodImpl(KernelRunner.Hot)]
    private static void Transpose(float* source, float* target)
    {
        for (var row = 0; row < Lane.Width; row += Four)
        {
            for (var column = 0; column < Lane.Width; column += Four)
            {
                TransposeFour(source + (row * Lane.Width) + column, target + (column * Lane.Width) + row);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeFour(float* source, float* target)
    {
        if (!Sse.IsSupported)
        {
            for (var i = 0; i < Four * Four; i++)
            {
                target[(i % Four * Lane.Width) + (i / Four)] = source[(i / Four * Lane.Width) + (i % Four)];
            }

            return;
        }

        var (row0, row1) = (Vector128.Load(source), Vector128.Load(source + Lane.Width));
        var (row2, row3) = (Vector128.Load(source + (2 * Lane.Width)), Vector128.Load(source + (3 * Lane.Width)));
        var (low01, low23) = (Sse.UnpackLow(row0, row1), Sse.UnpackLow(row2, row3));
        var (high01, high23) = (Sse.UnpackHigh(row0, row1), Sse.UnpackHigh(row2, row3));
        Sse.MoveLowToHigh(low01, low23).Store(target);
        Sse.MoveHighToLow(low23, low01).Store(target + Lane.Width);
        Sse.MoveLowToHigh(high01, high23).Store(target + (2 * Lane.Width));
        Sse.MoveHighToLow(high23, high01).Store(target + (3 * Lane.Width));
    }
}
