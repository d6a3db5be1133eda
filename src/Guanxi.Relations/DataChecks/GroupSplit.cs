using System.Security.Cryptography;
using System.Text;
using Guanxi.Transformers;

namespace Guanxi.Relations.DataChecks;

/// <summary>What must not be on both sides of a split.</summary>
public enum SplitGroup
{
    /// <summary>A sentence, whatever pair is marked in it.</summary>
    Sentence,

    /// <summary>A pair of names, in either order.</summary>
    Pair,
}

/// <summary>Data cut in two.</summary>
/// <param name="Kept">The larger part, in its old order.</param>
/// <param name="CutOff">The part cut off, in its old order.</param>
public sealed record SplitRows(IReadOnlyList<RelationExample> Kept, IReadOnlyList<RelationExample> CutOff);

/// <summary>Cuts a share of the rows off so that no group is on both sides.</summary>
public static class GroupSplit
{
    /// <summary>Cuts rows.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="share">Share to cut off, above 0 and below 1; it is met as nearly as whole groups allow.</param>
    /// <param name="seed">The same seed gives the same parts, in whatever order the rows come.</param>
    /// <param name="by">What a group is.</param>
    /// <returns>Both parts.</returns>
    /// <remarks>Groups go by a hash of seed and content, so that adding rows to a data set hardly changes where the old ones go.</remarks>
    /// <exception cref="OptionsException">The share is out of range, or a part would be empty.</exception>
    public static SplitRows Cut(IReadOnlyList<RelationExample> rows, double share, long seed, SplitGroup by)
    {
        if (!(share > 0 && share < 1))
        {
            throw new OptionsException(new Problem("split", "the share to cut off is out of range", "above 0 and below 1", $"{share}"));
        }

        var groups = rows
            .GroupBy(row => Key(row, by), StringComparer.Ordinal)
            .OrderBy(group => Rank(group.Key, seed), StringComparer.Ordinal);
        var wanted = share * rows.Count;
        var (chosen, count) = (new HashSet<string>(StringComparer.Ordinal), 0);
        foreach (var group in groups)
        {
            // A group is taken while that brings the count nearer to what is wanted.
            if (Math.Abs(count + group.Count() - wanted) < Math.Abs(count - wanted))
            {
                chosen.Add(group.Key);
                count += group.Count();
            }
        }

        if (count == 0 || count == rows.Count)
        {
            throw new OptionsException(new Problem("split", "the rows cannot be cut so", "rows on both sides",
                $"{rows.Count} rows in {rows.DistinctBy(row => Key(row, by)).Count()} groups, share {share}"));
        }

        var parts = rows.ToLookup(row => chosen.Contains(Key(row, by)));
        return new SplitRows([.. parts[false]], [.. parts[true]]);
    }

    private static string Key(RelationExample row, SplitGroup by)
    {
        if (by == SplitGroup.Sentence)
        {
            return row.Text;
        }

        var isOrdered = string.CompareOrdinal(row.Person1, row.Person2) <= 0;
        return isOrdered ? $"{row.Person1}\n{row.Person2}" : $"{row.Person2}\n{row.Person1}";
    }

    private static string Rank(string key, long seed) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{seed}\n{key}")));
}
