using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>
/// The innermost products for few tokens: a row of weights goes from memory to registers and is multiplied there by one, two or four
/// tokens. Each cell's sum is one chain of fused multiply-adds in the order of the depth, so that the bits depend neither on the level
/// nor on the tokens beside it.
/// </summary>
/// <remarks>
/// One row at a time: a tile of two or four rows was not faster where memory is the limit, and for types that take many operations to widen
/// the compiler's budget for inlining ended inside it (seven times slower). What the other rows would give, memory that is on its way while
/// this one is multiplied, fetching ahead gives too.
/// </remarks>
internal static unsafe class FewTokenTile
{
    private const int Group = IWeightReader.Group;
    private const int Half = IWeightReader.Group / 2;
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>One token.</summary>
    /// <param name="reader">The matrix.</param>
    /// <param name="row">Where the row is read.</param>
    /// <param name="ahead">What will be read soon after this call.</param>
    /// <param name="x">Cells of the token.</param>
    /// <param name="groups">Groups to go through.</param>
    /// <param name="sums">A lane, added to.</param>
    [MethodImpl(KernelRunner.Hot)]
    public static void One<TLane, TReader>(in TReader reader, long row, long ahead, float* x, long groups, float* sums)
        where TLane : struct, ILane<TLane>
        where TReader : struct, IWeightReader
    {
        var c0 = TLane.Load(sums);
        for (long group = 0; group < groups; group++, x += Group)
        {
            reader.Fetch(ahead, group);
            reader.First<TLane>(row, group, out var lower, out var upper);
            Add(lower, upper, x, ref c0);
            reader.Second(row, group, out lower, out upper);
            Add(lower, upper, x + Half, ref c0);
        }

        TLane.Store(c0, sums);
    }

    /// <summary>Two tokens, whose groups lie side by side; see <see cref="One"/>.</summary>
    [MethodImpl(KernelRunner.Hot)]
    public static void Two<TLane, TReader>(in TReader reader, long row, long ahead, float* x, long groups, float* sums)
        where TLane : struct, ILane<TLane>
        where TReader : struct, IWeightReader
    {
        var (c0, c1) = (TLane.Load(sums), TLane.Load(sums + Lane.Width));
        for (long group = 0; group < groups; group++, x += 2 * Group)
        {
            reader.Fetch(ahead, group);
            reader.First<TLane>(row, group, out var lower, out var upper);
            Add(lower, upper, x, ref c0);
            Add(lower, upper, x + Group, ref c1);
            reader.Second(row, group, out lower, out upper);
            Add(lower, upper, x + Half, ref c0);
            Add(lower, upper, x + Group + Half, ref c1);
        }

        TLane.Store(c0, sums);
        TLane.Store(c1, sums + Lane.Width);
    }

    /// <summary>Four tokens, whose groups lie side by side; see <see cref="One"/>.</summary>
    [MethodImpl(KernelRunner.Hot)]
    public static void Four<TLane, TReader>(in TReader reader, long row, long ahead, float* x, long groups, float* sums)
        where TLane : struct, ILane<TLane>
        where TReader : struct, IWeightReader
    {
        var (c0, c1) = (TLane.Load(sums), TLane.Load(sums + Lane.Width));
        var (c2, c3) = (TLane.Load(sums + (2 * Lane.Width)), TLane.Load(sums + (3 * Lane.Width)));
        for (long group = 0; group < groups; group++, x += 4 * Group)
        {
            reader.Fetch(ahead, group);
            reader.First<TLane>(row, group, out var lower, out var upper);
            AddFour(lower, upper, x, ref c0, ref c1, ref c2, ref c3);
            reader.Second(row, group, out lower, out upper);
            AddFour(lower, upper, x + Half, ref c0, ref c1, ref c2, ref c3);
        }

        TLane.Store(c0, sums);
        TLane.Store(c1, sums + Lane.Width);
        TLane.Store(c2, sums + (2 * Lane.Width));
        TLane.Store(c3, sums + (3 * Lane.Width));
    }

    [MethodImpl(Inline)]
    private static void AddFour<TLane>(TLane lower, TLane upper, float* x, ref TLane c0, ref TLane c1, ref TLane c2, ref TLane c3)
        where TLane : struct, ILane<TLane>
    {
        Add(lower, upper, x, ref c0);
        Add(lower, upper, x + Group, ref c1);
        Add(lower, upper, x + (2 * Group), ref c2);
        Add(lower, upper, x + (3 * Group), ref c3);
    }

    [MethodImpl(Inline)]
    private static void Add<TLane>(TLane lower, TLane upper, float* x, ref TLane c)
        where TLane : struct, ILane<TLane>
    {
        c = TLane.FusedMultiplyAdd(lower, TLane.Load(x), c);
        c = TLane.FusedMultiplyAdd(upper, TLane.Load(x + Lane.Width), c);
    }
}
