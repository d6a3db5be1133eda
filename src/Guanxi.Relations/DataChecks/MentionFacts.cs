namespace Guanxi.Relations.DataChecks;

/// <summary>What is ambiguous about the mentions of a row; the check lists it, statistics count it.</summary>
/// <param name="Repeated">Names that occur more than once, with their field and number of occurrences.</param>
/// <param name="IsNested">Whether the marked mentions share characters.</param>
/// <param name="IsNameInName">Whether one name is part of the other, or both are equal.</param>
/// <param name="IsFirstWrong">
/// Whether looking for the first occurrence of a name would find the wrong place: another than the marked one, or a part of the other person's mention.
/// </param>
/// <param name="IsInOrder">Whether the first person's mention comes first.</param>
internal sealed record MentionFacts(
    IReadOnlyList<(string Field, string Name, int Count)> Repeated, bool IsNested, bool IsNameInName, bool IsFirstWrong, bool IsInOrder)
{
    /// <summary>Looks at a row.</summary>
    public static MentionFacts Of(RelationExample row)
    {
        (string Field, string Name, int Count)[] counts =
        [
            (RelationInput.Person1Field, row.Person1, Mentions.All(row.Text, row.Person1).Count),
            (RelationInput.Person2Field, row.Person2, Mentions.All(row.Text, row.Person2).Count),
        ];
        var isNested = row is { Span1: { } span1, Span2: { } span2 } && span1.Overlaps(span2);
        var (first, second) = Mentions.Locate(row);
        var isFirstWrong = first.Overlaps(second)
            || row.Text.IndexOf(row.Person1, StringComparison.Ordinal) != first.Start
            || row.Text.IndexOf(row.Person2, StringComparison.Ordinal) != second.Start;
        return new MentionFacts(
            [.. counts.DistinctBy(name => name.Name).Where(name => name.Count > 1)],
            isNested,
            row.Person1.Contains(row.Person2, StringComparison.Ordinal) || row.Person2.Contains(row.Person1, StringComparison.Ordinal),
            isFirstWrong,
            first.Start <= second.Start);
    }
}
