using Guanxi.Relations.Formats;

namespace Guanxi.Relations.DataChecks;

/// <summary>How many characters sentences, questions or token rows have.</summary>
/// <param name="Median">The middle one.</param>
/// <param name="P95">The one that 95 of 100 do not exceed.</param>
/// <param name="Max">The longest.</param>
public sealed record LengthStatistics(int Median, int P95, int Max)
{
    internal static LengthStatistics Of(IEnumerable<int> lengths)
    {
        int[] sorted = [.. lengths.Order()];
        return sorted.Length == 0 ? new LengthStatistics(0, 0, 0) : new LengthStatistics(sorted[sorted.Length / 2], sorted[(int)(0.95 * sorted.Length)], sorted[^1]);
    }
}

/// <summary>What is ambiguous in the rows of a file; 0 in all for rows that are no relations.</summary>
/// <param name="FirstPersonFirst">Rows in which the first person's mention comes first.</param>
/// <param name="AmbiguousRows">Rows in which a name occurs more than once.</param>
/// <param name="WrongFirstMentionRows">Rows in which the first occurrence of a name is not the mention that is meant, or is a part of the other's.</param>
/// <param name="NameInNameRows">Rows in which one name is part of the other.</param>
/// <param name="NestedRows">Rows whose marked mentions share characters.</param>
/// <param name="DistinctPairs">Pairs of names, in whatever order.</param>
public sealed record MentionStatistics(
    int FirstPersonFirst, int AmbiguousRows, int WrongFirstMentionRows, int NameInNameRows, int NestedRows, int DistinctPairs);

/// <summary>The numbers of one file.</summary>
/// <param name="File">The file.</param>
/// <param name="Form">Its form.</param>
/// <param name="Rows">Good rows.</param>
/// <param name="BadRows">Rows that cannot be read.</param>
/// <param name="Unlabelled">Good rows without label.</param>
/// <param name="Labels">Rows of every label, the most frequent first.</param>
/// <param name="Length">Lengths in characters (code points), of token rows in tokens.</param>
/// <param name="DistinctSentences">Different sentences.</param>
/// <param name="Mentions">What is ambiguous.</param>
/// <param name="Duplicates">Rows that repeat an earlier one of the file.</param>
/// <param name="Conflicts">Rows that contradict an earlier one, of this file or one before it.</param>
/// <param name="BothOrders">Rows whose marked pair occurs earlier in the other order, in this file or one before it.</param>
/// <param name="LeakedRows">Rows whose sentence is in a file before it.</param>
/// <param name="LeakedCopies">Those with the same pair.</param>
public sealed record FileStatistics(
    string File,
    DatasetFormat Form,
    int Rows,
    int BadRows,
    int Unlabelled,
    IReadOnlyList<KeyValuePair<string, int>> Labels,
    LengthStatistics Length,
    int DistinctSentences,
    MentionStatistics Mentions,
    int Duplicates,
    int Conflicts,
    int BothOrders,
    int LeakedRows,
    int LeakedCopies);

/// <summary>Counts what is in data.</summary>
public static class DataStatistics
{
    /// <summary>Counts files, each alone and against those before it.</summary>
    /// <param name="paths">The files; of several the first is what is trained on.</param>
    /// <returns>Numbers of every file; rows that cannot be read are counted and left out.</returns>
    /// <exception cref="Transformers.OptionsException">A file cannot be read at all.</exception>
    public static IReadOnlyList<FileStatistics> Of(IReadOnlyList<string> paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        var options = new DatasetReadOptions { Lenient = true, RequireLabel = false };
        Dataset[] files = [.. paths.Select(path => DatasetReader.Read(path, options))];
        LearntRow[][] learnt = [.. files.Select(file => file.Examples.Select(LearntRow.Of).ToArray())];
        var repeats = Repeats.Find(learnt).ToLookup(repeat => repeat.File);
        var orders = BothOrders.Find([.. files.Select(file => file.Relations)]).ToLookup(order => order.File);
        return [.. files.Select((file, index) => Count(file, learnt[index], [.. repeats[index]], orders[index].Count()))];
    }

    private static FileStatistics Count(Dataset file, LearntRow[] learnt, Repeat[] repeats, int bothOrders)
    {
        int Kind(RepeatKind kind) => repeats.Count(repeat => repeat.Kind == kind);
        var labels = file.Examples.Select(DataSplit.LabelOf).OfType<string>().CountBy(label => label)
            .OrderByDescending(label => label.Value).ThenBy(label => label.Key, CodePointOrder.Comparer);
        return new FileStatistics(
            file.File,
            file.Format,
            file.Examples.Count,
            file.Problems.Select(problem => problem.Place.Row).Distinct().Count(),
            file.Relations.Count(row => row.Label is null),
            [.. labels],
            LengthStatistics.Of(file.Examples.Select(Length)),
            learnt.Select(row => row.Sentence).Distinct(StringComparer.Ordinal).Count(),
            CountMentions(file.Relations),
            Kind(RepeatKind.Duplicate),
            Kind(RepeatKind.Conflict),
            bothOrders,
            Kind(RepeatKind.Leakage),
            repeats.Count(repeat => repeat is { Kind: RepeatKind.Leakage, IsSameQuestion: true }));
    }

    private static MentionStatistics CountMentions(IReadOnlyList<RelationExample> rows)
    {
        MentionFacts[] facts = [.. rows.Select(MentionFacts.Of)];
        return new MentionStatistics(
            facts.Count(row => row.IsInOrder),
            facts.Count(row => row.Repeated.Count > 0),
            facts.Count(row => row.IsFirstWrong),
            facts.Count(row => row.IsNameInName),
            facts.Count(row => row.IsNested),
            rows.Select(GroupSplit.PairOf).Distinct(StringComparer.Ordinal).Count());
    }

    private static int Length(IExample row) => row switch
    {
        RelationExample relation => CodePointOrder.Count(relation.Text),
        InstructionExample instruction => CodePointOrder.Count(instruction.Human),
        TokenizedExample tokenized => tokenized.InputIds.Length,
        _ => 0,
    };
}
