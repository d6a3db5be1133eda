using Guanxi.Relations.Comparison;
using Guanxi.Relations.Reporting.Charts;

namespace Guanxi.Relations.Reporting;

/// <summary>A comparison as a page in one file, for a reader who is no statistician.</summary>
public static class ComparisonReport
{
    // A label whose F1 differs by less than this from the best system's is not worth a colour.
    private const double NotableDifference = 0.05;

    /// <summary>Writes the page.</summary>
    /// <param name="comparison">The comparison.</param>
    /// <param name="context">What was compared.</param>
    /// <returns>HTML without script; it asks for nothing from any network.</returns>
    public static string ToHtml(SystemComparison comparison, ReportContext context)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        ArgumentNullException.ThrowIfNull(context);
        SystemScore[] ranked = [.. comparison.Systems.OrderByDescending(system => system.WeightedF1)];
        return new ReportPage()
            .Section("summary", "Which is better", html => WriteSummary(html, comparison, ranked))
            .Section("pairs", "Each against each", html => WritePairs(html, comparison, ranked))
            .Section("labels", "Label by label", html => WriteLabels(html, ranked))
            .About(context.Facts)
            .ToHtml("Comparison", context.Subject, Lead(comparison));
    }

    /// <summary>Who is best, and who may be as good.</summary>
    internal static string Lead(SystemComparison comparison)
    {
        var best = comparison.Best.Name;
        string[] equals = [.. comparison.Systems.Select(system => system.Name)
            .Where(name => name != best && !PairOf(comparison, best, name).Pair.IsToldApart)];
        var rows = Numbers.Count(comparison.Rows, "row");
        return equals.Length == 0
            ? $"{best} is better than {(comparison.Systems.Count > 2 ? "all others" : "the other")}; {rows} are enough to say so."
            : $"{best} scores highest, but {rows} cannot tell it apart from {And(equals)}.";
    }

    private static void WriteSummary(MarkupWriter html, SystemComparison comparison, SystemScore[] ranked)
    {
        html.Sentences(ComparisonText.Sentences(comparison));
        IntervalChart.Row[] rows =
        [
            .. ranked.Select(system => new IntervalChart.Row(system.Name, system.WeightedF1, system.Interval)
            {
                Runs = system.RunScores.Count > 1 ? system.RunScores : [],
            }),
        ];
        html.Figure(
            IntervalChart.Draw("systems", "Weighted F1 of every system", "weighted F1", rows, rows),
            "Dots: weighted F1. Lines: its 95 % interval, which holds what other rows"
            + (comparison.Systems.Any(system => system.RunScores.Count > 1) ? " and other seeds would change; rings are single runs."
                : " would change.")
            + " Lines may overlap and the difference still be sure, for all systems answered the same rows: only the table below tells.");
        var isPublished = ranked.Any(system => system.Published is not null);
        html.OpenTable("Scores", ["System", "Weighted F1", "95 % interval", "Accuracy", "Runs", .. isPublished ? (string[])["Published"] : []]);
        foreach (var system in ranked)
        {
            html.OpenRow(system.Name).BarCell(system.WeightedF1).Element("td", Numbers.Range(system.Interval));
            html.Element("td", Numbers.Percent(system.Accuracy)).Element("td", Numbers.Count(system.RunScores.Count));
            if (isPublished)
            {
                html.Element("td", system.Published is { } score ? Numbers.Score(score) : "–");
            }

            html.Close();
        }

        html.CloseTable();
    }

    private static void WritePairs(MarkupWriter html, SystemComparison comparison, SystemScore[] ranked)
    {
        html.Paragraph("How many points (hundredths of F1) the system of the row is above that of the column. Coloured: more than "
            + "chance, after the correction for the number of pairs.");
        html.OpenTable("Each against each", ["", .. ranked.Select(system => system.Name)]);
        foreach (var row in ranked)
        {
            html.OpenRow(row.Name);
            foreach (var column in ranked)
            {
                WritePair(html, comparison, row.Name, column.Name);
            }

            html.Close();
        }

        html.CloseTable();
        var critical = comparison.Pairs.Max(pair => pair.CriticalDifference);
        html.Paragraph(
            $"On {Numbers.Count(comparison.Rows, "row")} a difference has to be about {Numbers.Short(Math.Round(100 * critical, 1))} "
                + $"points large for this test to find it four times in five"
            + (comparison.Pairs.Count > 1 ? " (for the pair that needs most)." : "."));
        html.Paragraph(ComparisonText.Tests(comparison), "note");
    }

    private static void WritePair(MarkupWriter html, SystemComparison comparison, string row, string column)
    {
        if (row == column)
        {
            html.Element("td", "–", ("class", "same"));
            return;
        }

        var (pair, isReversed) = PairOf(comparison, column, row);
        var difference = isReversed ? -pair.Difference : pair.Difference;
        var style = !pair.IsToldApart ? "same" : difference > 0 ? "better" : "worse";
        html.Open("td", ("class", style)).Text(Numbers.Points(difference)).Element("small", $"p {Numbers.P(pair.AdjustedBootstrapP)}")
            .Close();
    }

    private static void WriteLabels(MarkupWriter html, SystemScore[] ranked)
    {
        html.Paragraph($"F1 of every label. Coloured: more than {Numbers.Count(100 * NotableDifference)} points above or "
            + $"below {ranked[0].Name}. Labels with few rows differ by chance alone.");
        html.OpenTable("F1 of every label", ["Label", "Rows", .. ranked.Select(system => system.Name)]);
        foreach (var (at, label) in ranked[0].PerLabel.Index().OrderByDescending(item => item.Item.Support))
        {
            html.OpenRow(label.Label).Element("td", Numbers.Count(label.Support));
            foreach (var system in ranked)
            {
                var difference = system.PerLabel[at].Scores.F1 - label.Scores.F1;
                var style = difference > NotableDifference ? "up" : difference < -NotableDifference ? "down" : null;
                html.Element("td", Numbers.Score(system.PerLabel[at].Scores.F1), ("class", style));
            }

            html.Close();
        }

        html.CloseTable();
    }

    /// <summary>The pair of two systems, and whether it is the second minus the first that it tells.</summary>
    private static (PairResult Pair, bool IsReversed) PairOf(SystemComparison comparison, string first, string second)
    {
        var pair = comparison.Pairs.First(pair => (pair.First == first && pair.Second == second)
            || (pair.First == second && pair.Second == first));
        return (pair, pair.First != first);
    }

    private static string And(string[] names) => names.Length == 1 ? names[0] : $"{string.Join(", ", names[..^1])} and {names[^1]}";
}
