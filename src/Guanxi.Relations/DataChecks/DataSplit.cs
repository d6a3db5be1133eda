using Guanxi.Transformers;

namespace Guanxi.Relations.DataChecks;

/// <summary>How to cut data into files.</summary>
public sealed record DataSplitOptions
{
    /// <summary>Share of the rows to test on, above 0 and below 1.</summary>
    /// <value>0.2.</value>
    public double Test { get; init; } = 0.2;

    /// <summary>Share of the rows to choose by during training; 0 for none.</summary>
    /// <value>0.</value>
    public double Dev { get; init; }

    /// <summary>Number of folds, from 2; then every row is tested on once, and the shares do not matter.</summary>
    /// <value>Null: one cut.</value>
    public int? Folds { get; init; }

    /// <summary>The same seed gives the same parts, in whatever order the rows come.</summary>
    /// <value>42.</value>
    public long Seed { get; init; } = 42;

    /// <summary>What must not be in two parts; without groups every label is cut for itself.</summary>
    /// <value>Sentence.</value>
    public SplitGroup Group { get; init; } = SplitGroup.Sentence;
}

/// <summary>Rows that go into one file.</summary>
/// <param name="Name">train, dev or test; of folds the fold before it, as in fold-1/train.</param>
/// <param name="Rows">Indices of the rows, ascending.</param>
/// <param name="Labels">Rows of every label, by code point.</param>
/// <param name="LeakedSentences">Rows whose sentence is in train too; 0 for train itself.</param>
/// <param name="LeakedCopies">Those with the same pair.</param>
/// <param name="LeakedPairs">Rows whose two names are in train too, in whatever sentence.</param>
public sealed record DataPart(
    string Name, IReadOnlyList<int> Rows, IReadOnlyList<KeyValuePair<string, int>> Labels, int LeakedSentences, int LeakedCopies, int LeakedPairs);

/// <summary>Cuts data into files to train, choose and test on.</summary>
public static class DataSplit
{
    /// <summary>Name of the part that is learnt from.</summary>
    public const string Train = "train";

    private const string Dev = "dev";
    private const string Test = "test";

    /// <summary>Cuts rows.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="options">How.</param>
    /// <returns>The parts, train first; of folds each one's train and test.</returns>
    /// <exception cref="OptionsException">The shares or folds are out of range, or a part would be empty.</exception>
    public static IReadOnlyList<DataPart> Cut(IReadOnlyList<IExample> rows, DataSplitOptions options)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(options);
        Require(rows.Count, options);
        LearntRow[] learnt = [.. rows.Select(LearntRow.Of)];
        if (options.Folds is { } folds)
        {
            var fold = Assign(rows, learnt, [.. Enumerable.Repeat(1.0 / folds, folds - 1)], options, isRotated: true);
            return [.. Enumerable.Range(0, folds).SelectMany(test =>
                Parts(rows, learnt, [.. fold.Select(part => part == test ? 1 : 0)], [$"fold-{test + 1}/{Train}", $"fold-{test + 1}/{Test}"]))];
        }

        double[] shares = options.Dev > 0 ? [options.Dev, options.Test] : [options.Test];
        string[] names = options.Dev > 0 ? [Train, Dev, Test] : [Train, Test];
        return Parts(rows, learnt, Assign(rows, learnt, shares, options, isRotated: false), names);
    }

    private static void Require(int rows, DataSplitOptions options)
    {
        var problems = new List<Problem>();
        if (options.Folds is { } folds && (folds < 2 || folds > rows))
        {
            problems.Add(new Problem("--folds", "the number of folds is out of range", $"2 to {rows}, the number of rows", $"{folds}"));
        }

        if (options.Folds is null && !(options.Test > 0 && options.Dev >= 0 && options.Test + options.Dev < 1))
        {
            problems.Add(new Problem("--test", "the shares to cut off are out of range", "test above 0, dev from 0, both together below 1", $"test {options.Test}, dev {options.Dev}"));
        }

        if (problems.Count > 0)
        {
            throw new OptionsException(problems);
        }
    }

    private static int[] Assign(IReadOnlyList<IExample> rows, LearntRow[] learnt, double[] shares, DataSplitOptions options, bool isRotated)
    {
        var keys = GroupSplit.Keys(rows, options.Group);
        if (options.Group != SplitGroup.None)
        {
            return GroupParts.Assign(keys, shares, options.Seed);
        }

        var parts = new int[rows.Count];
        var labels = Enumerable.Range(0, rows.Count).GroupBy(row => learnt[row].Answer ?? string.Empty).OrderBy(label => label.Key, CodePointOrder.Comparer);
        foreach (var (index, label) in labels.Index())
        {
            // What a label's rows leave over would else always fall to the same folds.
            var shift = isRotated ? index : 0;
            int[] ofLabel = [.. label];
            foreach (var (row, part) in ofLabel.Zip(GroupParts.Assign([.. ofLabel.Select(row => keys[row])], shares, options.Seed)))
            {
                parts[row] = (part + shift) % (shares.Length + 1);
            }
        }

        return parts;
    }

    private static DataPart[] Parts(IReadOnlyList<IExample> rows, LearntRow[] learnt, int[] parts, string[] names)
    {
        int[] train = [.. Enumerable.Range(0, rows.Count).Where(row => parts[row] == 0)];
        var sentences = train.Select(row => learnt[row].Sentence).ToHashSet(StringComparer.Ordinal);
        var questions = train.Select(row => learnt[row].Question).ToHashSet(StringComparer.Ordinal);
        var pairs = train.Select(row => rows[row]).OfType<RelationExample>().Select(GroupSplit.PairOf).ToHashSet(StringComparer.Ordinal);
        return [.. names.Select((name, part) =>
        {
            int[] members = [.. Enumerable.Range(0, rows.Count).Where(row => parts[row] == part)];
            if (members.Length == 0)
            {
                throw new OptionsException(new Problem("split", $"no row would be left for {name}", "rows in every part", $"{rows.Count} rows"));
            }

            int Leaked(Func<int, bool> isLeaked) => part == 0 ? 0 : members.Count(isLeaked);
            return new DataPart(
                name,
                members,
                [.. members.Select(row => LabelOf(rows[row])).OfType<string>().CountBy(label => label).OrderBy(label => label.Key, CodePointOrder.Comparer)],
                Leaked(row => sentences.Contains(learnt[row].Sentence)),
                Leaked(row => questions.Contains(learnt[row].Question)),
                Leaked(row => rows[row] is RelationExample relation && pairs.Contains(GroupSplit.PairOf(relation))));
        })];
    }

    /// <summary>The label or answer of a row; null where there is none to count.</summary>
    internal static string? LabelOf(IExample row) => row switch
    {
        RelationExample relation => relation.Label,
        InstructionExample instruction => instruction.Assistant,
        _ => null,
    };
}
