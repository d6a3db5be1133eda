namespace Guanxi.Relations.Metrics;

/// <summary>Scores on a part of the rows.</summary>
/// <param name="By">What the rows are parted by: one of <see cref="BySentence"/>, <see cref="ByLength"/>, <see cref="ByOrder"/>.</param>
/// <param name="Name">Which part, e.g. <c>in_train</c>; of lengths the shortest and the longest, e.g. <c>12-40</c>.</param>
/// <param name="Rows">Number of rows.</param>
/// <param name="WeightedF1">Weighted F1 on them.</param>
/// <param name="Accuracy">Share of them that are right.</param>
/// <param name="AccuracyInterval">Wilson interval of that share.</param>
public sealed record Slice(string By, string Name, int Rows, double WeightedF1, double Accuracy, Interval AccuracyInterval)
{
    /// <summary>Parted by whether the sentence was trained on.</summary>
    public const string BySentence = "sentence";

    /// <summary>Parted by the sentence's length in code points, at its quartiles.</summary>
    public const string ByLength = "length";

    /// <summary>Parted by which of the two people is named first.</summary>
    public const string ByOrder = "order";

    /// <summary>The sentence was trained on, with this pair or another.</summary>
    public const string InTrain = "in_train";

    /// <summary>The sentence was not trained on.</summary>
    public const string NotInTrain = "not_in_train";

    /// <summary>The first person is named first.</summary>
    public const string FirstPersonFirst = "people1_first";

    /// <summary>The second person is named first.</summary>
    public const string SecondPersonFirst = "people2_first";

    private const int Quartiles = 4;

    /// <summary>Parts rows in every way that is known.</summary>
    /// <param name="rows">Evaluated rows; those without a sentence are in no part.</param>
    /// <param name="trained">Sentences that were trained on; null when they are not known.</param>
    /// <returns>The parts that hold rows.</returns>
    public static IReadOnlyList<Slice> All(IReadOnlyList<EvaluatedRow> rows, IReadOnlySet<string>? trained)
    {
        EvaluatedRow[] known = [.. rows.Where(row => row.Example.Text.Length > 0)];
        return
        [
            .. trained is null ? [] : Split(known, BySentence, row =>
                trained.Contains(row.Example.Text) ? InTrain : NotInTrain, [InTrain, NotInTrain]),
            .. Lengths(known),
            .. Split(known, ByOrder, OrderOf, [FirstPersonFirst, SecondPersonFirst]),
        ];
    }

    private static IEnumerable<Slice> Split(IReadOnlyList<EvaluatedRow> rows, string by, Func<EvaluatedRow, string> nameOf, string[] names)
    {
        var parts = rows.ToLookup(nameOf);
        return names.Where(parts.Contains).Select(name => Of(by, name, [.. parts[name]]));
    }

    private static string OrderOf(EvaluatedRow row)
    {
        var (first, second) = Mentions.Locate(row.Example);
        return first.Start <= second.Start ? FirstPersonFirst : SecondPersonFirst;
    }

    /// <summary>Parts of about a quarter each; rows of one length stay together, so there are fewer parts where many are alike.</summary>
    private static IEnumerable<Slice> Lengths(EvaluatedRow[] rows)
    {
        if (rows.Length == 0)
        {
            return [];
        }

        int[] lengths = [.. rows.Select(row => CodePointOrder.Count(row.Example.Text))];
        int[] sorted = [.. lengths.Order()];
        int[] ends = [.. Enumerable.Range(1, Quartiles)
            .Select(quarter => sorted[((quarter * sorted.Length) + Quartiles - 1) / Quartiles - 1]).Distinct()];
        return rows.Zip(lengths)
            .GroupBy(row => Array.FindIndex(ends, end => row.Second <= end))
            .OrderBy(part => part.Key)
            .Select(part => Of(ByLength, $"{part.Min(row => row.Second)}-{part.Max(row => row.Second)}",
                [.. part.Select(row => row.First)]));
    }

    private static Slice Of(string by, string name, IReadOnlyList<EvaluatedRow> rows)
    {
        string[] truth = [.. rows.Select(row => row.Gold)];
        string[] predicted = [.. rows.Select(row => row.Predicted)];
        var right = truth.Zip(predicted).Count(pair => pair.First == pair.Second);
        var f1 = LabelCounts.Of(truth, predicted, []).WeightedF1([.. Enumerable.Range(0, rows.Count)]);
        return new Slice(by, name, rows.Count, f1, (double)right / rows.Count,
            Wilson.Of(right, rows.Count, Bootstrap.UsualLevel, "accuracy"));
    }
}
