using Guanxi.Relations.Metrics;

namespace Guanxi.Relations.Reporting.Charts;

/// <summary>Figures with their intervals below each other, so that the eye sees which overlap.</summary>
internal static class IntervalChart
{
    private const double Width = 400;
    private const double MostLabel = 140;
    private const double RowHeight = 34;
    private const double Top = 12;
    private const double ValueWidth = 52;
    private const int Ticks = 5;

    /// <summary>A figure.</summary>
    /// <param name="Name">Whose it is.</param>
    /// <param name="Value">The figure.</param>
    /// <param name="Interval">Where it lies.</param>
    internal readonly record struct Row(string Name, double Value, Interval Interval)
    {
        /// <summary>Figures of single runs, drawn small.</summary>
        public IReadOnlyList<double> Runs { get; init; } = [];
    }

    /// <summary>Draws.</summary>
    /// <param name="id">Different from that of every other drawing of the page.</param>
    /// <param name="title">What it shows.</param>
    /// <param name="figure">What the figures are.</param>
    /// <param name="rows">The figures, at least one.</param>
    /// <param name="scale">Figures whose scale this drawing shares, <paramref name="rows"/> among them.</param>
    public static Markup Draw(string id, string title, string figure, IReadOnlyList<Row> rows, IReadOnlyList<Row> scale)
    {
        var left = Math.Min(MostLabel, scale.Max(row => SvgChart.WidthOf(row.Name))) + 12;
        var bottom = Top + (rows.Count * RowHeight);
        double[] ends = [.. scale.SelectMany(row => (double[])[row.Interval.Low, row.Interval.High, row.Value, .. row.Runs])];
        var axis = Axis.Over(ends, left, Width - ValueWidth, Ticks);
        var chart = new SvgChart(id, title, string.Join("; ", rows.Select(Reading)) + ".", Width, bottom + 46);
        foreach (var tick in axis.Ticks(Ticks))
        {
            chart.Line(axis.At(tick), Top, axis.At(tick), bottom, "grid")
                .Text(axis.At(tick), bottom + 18, Numbers.Short(tick), "small middle");
        }

        foreach (var (at, row) in rows.Index())
        {
            DrawRow(chart, axis, Top + ((at + 0.5) * RowHeight), row, left);
        }

        return chart.Text(Width - ValueWidth, bottom + 40, $"{figure} →", "axis-name end").ToMarkup();
    }

    private static void DrawRow(SvgChart chart, Axis axis, double y, Row row, double left)
    {
        const double Cap = 6;
        var (low, high) = (axis.At(row.Interval.Low), axis.At(row.Interval.High));
        chart.Text(left - 12, y + (SvgChart.FontSize * 0.36), SvgChart.Fit(row.Name, MostLabel), "label end");
        chart.Line(low, y, high, y, "whisker").Line(low, y - Cap, low, y + Cap, "whisker").Line(high, y - Cap, high, y + Cap, "whisker");
        foreach (var run in row.Runs)
        {
            chart.Dot(axis.At(run), y, 3, "run", $"one run: {Numbers.Score(run)}");
        }

        chart.Dot(axis.At(row.Value), y, 5.5, "dot-1", Reading(row));
        chart.Text(Width - ValueWidth + 10, y + (SvgChart.FontSize * 0.36), Numbers.Score(row.Value), "value");
    }

    private static string Reading(Row row) => $"{row.Name} {Numbers.Score(row.Value)}, interval {Numbers.Range(row.Interval)}";
}
