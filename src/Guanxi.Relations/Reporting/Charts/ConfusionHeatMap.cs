using System.Globalization;

namespace Guanxi.Relations.Reporting.Charts;

/// <summary>A confusion as a table of colours: blue is right, orange is wrong, and the darker the larger a share of the row.</summary>
internal static class ConfusionHeatMap
{
    /// <summary>Shades of each colour in the style sheet, beside that of nothing.</summary>
    public const int Shades = 8;

    // From this shade on a number stands in the other ink; the style sheet's contrasts are made for it.
    private const double LegendWidth = 330;
    private const int FirstStrongShade = 5;

    private const double MostCell = 32;
    private const double LeastCell = 18;
    private const double LeastCellWithNumber = 22;
    private const double UsualGrid = 448;
    private const double MostLabel = 120;
    private const double Gap = 8;
    private const double LegendHeight = 62;
    private const double HeadingHeight = 22;

    /// <summary>Draws.</summary>
    public static Markup Draw(string id, ConfusionView view)
    {
        var count = view.Labels.Count;
        var cell = Math.Clamp(Math.Floor(UsualGrid / count), LeastCell, MostCell);
        var side = Math.Min(MostLabel, view.Labels.Max(SvgChart.WidthOf)) + Gap;
        var top = HeadingHeight + view.Labels.Max(HeightOf) + Gap;
        var (left, right) = (HeadingHeight + side, HeadingHeight + side + (count * cell));
        var bottom = top + (count * cell);
        var width = Math.Max(right + Gap, left + LegendWidth);
        var chart = new SvgChart(id, "Confusion: which labels are taken for which", Description(view), width, bottom + LegendHeight);
        chart.Text(left, HeadingHeight - Gap, "predicted label →", "axis-name");
        chart.UpwardText(HeadingHeight - Gap, bottom, "true label →", "axis-name");
        for (var at = 0; at < count; at++)
        {
            DrawLabel(chart, view.Labels[at], left - Gap, top + (at * cell), cell);
            DrawColumn(chart, view.Labels[at], left + ((at + 0.5) * cell), top - Gap);
            DrawRow(chart, view, at, (left, top + (at * cell)), cell);
        }

        DrawLegend(chart, left, bottom + Gap + SvgChart.FontSize);
        return chart.ToMarkup();
    }

    /// <summary>The shade of a share: its root, so that rare mistakes can be seen.</summary>
    public static int ShadeOf(double share) => share <= 0 ? 0 : Math.Clamp((int)Math.Ceiling(Math.Sqrt(share) * Shades), 1, Shades);

    private static double HeightOf(string label) => IsStacked(label)
        ? label.EnumerateRunes().Count() * SvgChart.FontSize
        : Math.Min(MostLabel, SvgChart.WidthOf(label));

    private static bool IsStacked(string label) =>
        label.EnumerateRunes().All(Languages.IsWide) && label.EnumerateRunes().Count() * SvgChart.FontSize <= MostLabel;

    private static void DrawLabel(SvgChart chart, string label, double x, double y, double cell) =>
        chart.Text(x, y + (cell / 2) + (SvgChart.FontSize * 0.36), SvgChart.Fit(label, MostLabel), "label end");

    private static void DrawColumn(SvgChart chart, string label, double x, double y)
    {
        if (IsStacked(label))
        {
            chart.StackedText(x, y, label, "label middle");
        }
        else
        {
            chart.UpwardText(x + (SvgChart.FontSize * 0.36), y, SvgChart.Fit(label, MostLabel), "label");
        }
    }

    private static void DrawRow(SvgChart chart, ConfusionView view, int row, (double X, double Y) corner, double cell)
    {
        var sum = Math.Max(1, view.Counts[row].Sum());
        for (var column = 0; column < view.Labels.Count; column++)
        {
            var rows = view.Counts[row][column];
            var shade = ShadeOf((double)rows / sum);
            var colour = shade == 0 ? "heat-0" : row == column ? $"hit-{shade}" : $"miss-{shade}";
            var hint = $"{view.Labels[row]} → {view.Labels[column]}: {Numbers.Count(rows, "row")}, {Numbers.Percent((double)rows / sum)} "
                + $"of {view.Labels[row]}";
            var x = corner.X + (column * cell);
            chart.Rectangle(x + 0.5, corner.Y + 0.5, cell - 1, cell - 1, colour, rows > 0 ? hint : null);
            if (rows > 0 && cell >= LeastCellWithNumber)
            {
                chart.Text(
                    x + (cell / 2), corner.Y + (cell / 2) + (SvgChart.FontSize * 0.33), rows.ToString(CultureInfo.InvariantCulture),
                    shade >= FirstStrongShade ? "count on-strong" : "count on-weak");
            }
        }
    }

    private static void DrawLegend(SvgChart chart, double x, double y)
    {
        const double Step = 22;
        chart.Text(x, y + SvgChart.FontSize, "right", "small").Text(x, y + Step + SvgChart.FontSize, "wrong", "small");
        for (var shade = 1; shade <= Shades; shade++)
        {
            var at = x + 44 + ((shade - 1) * Step);
            chart.Rectangle(at, y + 3, Step - 1, 14, $"hit-{shade}").Rectangle(at, y + Step + 1, Step - 1, 14, $"miss-{shade}");
        }

        chart.Text(x + 50 + (Shades * Step), y + 14, "share of the true", "small")
            .Text(x + 50 + (Shades * Step), y + 30, "label’s rows, to 100 %", "small");
    }

    private static string Description(ConfusionView view)
    {
        var worst = view.Mistakes().Take(3).Select(item => $"{item.Gold} taken for {item.Predicted} in {Numbers.Count(item.Rows, "row")}");
        var text = string.Join("; ", worst);
        return $"A row for every true label, a column for every predicted one; right answers lie on the "
            + $"diagonal. {(text.Length > 0 ? $"Most frequent: {text}." : "There is no mistake.")}";
    }
}
