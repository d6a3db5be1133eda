using Guanxi.Transformers;

namespace Guanxi.Relations.DataChecks;

/// <summary>What must not be on both sides of a split.</summary>
public enum SplitGroup
{
    /// <summary>Every row is a group of its own.</summary>
    None,

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

        var parts = GroupParts.Assign(Keys(rows, by), [share], seed);
        var (kept, cutOff) = (new List<RelationExample>(), new List<RelationExample>());
        foreach (var (row, part) in rows.Zip(parts))
        {
            (part == 0 ? kept : cutOff).Add(row);
        }

        return kept.Count > 0 && cutOff.Count > 0 ? new SplitRows(kept, cutOff) : throw new OptionsException(new Problem(
            "split", "the rows cannot be cut so", "rows on both sides", $"{rows.Count} rows, share {share}"));
    }

    /// <summary>The group of every row.</summary>
    /// <exception cref="OptionsException">Rows that are no relations have no pair.</exception>
    internal static string[] Keys(IReadOnlyList<IExample> rows, SplitGroup by)
    {
        if (by == SplitGroup.Pair)
        {
            return [.. rows.Select(row => row is RelationExample relation ? PairOf(relation) : throw new OptionsException(
                new Problem($"{row.Place}", "only rows of relations have a pair of names", "--group sentence or none")))];
        }

        LearntRow[] learnt = [.. rows.Select(LearntRow.Of)];
        if (by == SplitGroup.Sentence)
        {
            return [.. learnt.Select(row => row.Sentence)];
        }

        // Copies of a row are told apart by number, so that a seed does the same to the rows in whatever order they come.
        var copies = new Dictionary<string, int>(StringComparer.Ordinal);
        return [.. learnt.Select(row => $"{row.Question}\n{row.Answer}").Select(key => $"{key}\n{copies[key] = copies.GetValueOrDefault(key) + 1}")];
    }

    /// <summary>A key that is equal for rows about the same two names, in either order.</summary>
    internal static string PairOf(RelationExample row)
    {
        var isOrdered = string.CompareOrdinal(row.Person1, row.Person2) <= 0;
        return isOrdered ? $"{row.Person1}\n{row.Person2}" : $"{row.Person2}\n{row.Person1}";
    }
}
