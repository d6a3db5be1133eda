using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>
/// A few rows of input for <see cref="FewTokenTile"/>: cut into groups of 64 in the order of a <see cref="IWeightReader"/>, and of up to four
/// rows the groups side by side. What fills rows and groups up is zero.
/// </summary>
/// <param name="data">First element; <see cref="Size"/> of them.</param>
/// <param name="tokens">Rows.</param>
/// <param name="depth">Elements of a row.</param>
internal readonly unsafe struct TokenCells(float* data, long tokens, long depth)
{
    /// <summary>Most rows whose groups lie side by side.</summary>
    public const int MostTogether = 4;

    /// <summary>Rows.</summary>
    public long Tokens => tokens;

    /// <summary>Rows and those that fill them up: 1, 2, or a multiple of 4.</summary>
    public long Padded => PaddedOf(tokens);

    /// <summary>Rows whose groups lie side by side.</summary>
    public long Together => Math.Min(Padded, MostTogether);

    /// <summary>Groups of a row, an incomplete last one included.</summary>
    public long Groups => GroupsOf(depth);

    /// <summary>Elements of memory.</summary>
    public static long Size(long tokens, long depth) => PaddedOf(tokens) * GroupsOf(depth) * IWeightReader.Group;

    /// <summary>The groups of some rows that lie side by side.</summary>
    /// <param name="token">First of the rows.</param>
    /// <param name="group">Number of the group.</param>
    public float* At(long token, long group) => data + (((token * Groups) + (group * Together)) * IWeightReader.Group);

    /// <summary>Fills the cells.</summary>
    /// <param name="x">[tokens, depth].</param>
    /// <param name="order">Which element of a group is in each cell.</param>
    public void Fill(float* x, ReadOnlySpan<byte> order)
    {
        var size = Size(tokens, depth);
        if (tokens != Padded || depth % IWeightReader.Group != 0)
        {
            new Span<float>(data, checked((int)size)).Clear();
        }

        for (long token = 0; token < tokens; token++, x += depth)
        {
            for (long group = 0; group < Groups; group++)
            {
                var to = At(token / Together * Together, group) + (token % Together * IWeightReader.Group);
                var from = new ReadOnlySpan<float>(x + (group * IWeightReader.Group), (int)Math.Min(IWeightReader.Group, depth - (group * IWeightReader.Group)));
                for (var cell = 0; cell < IWeightReader.Group; cell++)
                {
                    if (order[cell] < from.Length)
                    {
                        to[cell] = from[order[cell]];
                    }
                }
            }
        }
    }

    private static long PaddedOf(long tokens) => tokens <= 2 ? tokens : (tokens + MostTogether - 1) / MostTogether * MostTogether;

    private static long GroupsOf(long depth) => (depth + IWeightReader.Group - 1) / IWeightReader.Group;
}
