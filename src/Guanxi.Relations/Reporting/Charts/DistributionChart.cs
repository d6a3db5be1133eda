namespace Guanxi.Relations.Reporting.Charts;

/// <summary>How often each label is true and how often it is predicted.</summary>
internal static class DistributionChart
{
    private const double Width = 400;
    private const double MostLabel = 120;
    private const double RowHeight = 32;
    private const double Bar = 11;
    private const double Top = 34;
    private const double NumberWidth = 34;

    /// <summary>A label with its rows.</summary>
    /// <param name="Label">The label.</param>
    /// <param name="Truth">Rows whose true label it is.</param>
    /// <param name="Predicted">Rows for which it is predicted.</param>
    internal readonly record struct Row(string Label, int Truth, int Predicted);

    /// <summary>The rows of a confusion, the most frequent label first.</summary>
    public static IReadOnlyList<Row> RowsOf(ConfusionView view) =>
    [
        .. view.Labels
            .Select((label, at) => new Row(label, view.Counts[at].Sum(), view.Counts.Sum(row => row[at])))
            .OrderByDescending(row => row.Truth)
            .ThenByDescending(row => row.Predicted),
    ];

    /// <summary>Draws.</summary>
    public static Markup Draw(string id, IReadOnlyList<Row> rows)
    {
        var left = Math.Min(MostLabel, rows.Max(row => SvgChart.WidthOf(row.Label))) + 10;
        var axis = new Axis(0, Math.Max(1, rows.Max(row => Math.Max(row.Truth, row.Predicted))), left, Width - NumberWidth);
        var description = string.Join("; ", rows.Select(row => $"{row.Label} {row.Truth} true, {row.Predicted} predicted"));
        var chart = new SvgChart(id, "Rows of each label", $"{description}.", Width, Top + (rows.Count * RowHeight) + 6);
        chart.Rectangle(left, 8, 12, 12, "series-1").Text(left + 18, 19, "true", "small");
        chart.Rectangle(left + 70, 8, 12, 12, "series-2").Text(left + 88, 19, "predicted", "small");
        foreach (var (at, row) in rows.Index())
        {
            var y = Top + (at * RowHeight);
            chart.Text(left - 10, y + Bar + (SvgChart.FontSize * 0.36), SvgChart.Fit(row.Label, MostLabel), "label end");
            DrawBar(chart, axis, y, row.Truth, "series-1", $"{row.Label}: {Numbers.Count(row.Truth, "row")} true");
            DrawBar(chart, axis, y + Bar + 1, row.Predicted, "series-2", $"{row.Label}: {Numbers.Count(row.Predicted, "row")} predicted");
        }

        return chart.ToMarkup();
    }

    private static void DrawBar(SvgChart chart, Axis axis, double y, int rows, string style, string hint) => chart
        .Rectangle(axis.From, y, axis.At(rows) - axis.From, Bar, style, hint)
        .Text(axis.At(rows) + 5, y + Bar - 1, Numbers.Count(rows), "tiny");
}
