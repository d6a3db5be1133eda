namespace Guanxi.Relations.Reporting.Charts;

/// <summary>Figures over the steps of a run.</summary>
internal static class CurveChart
{
    private const double Width = 400;
    private const double Height = 280;
    private const double Left = 56;
    private const double Right = 384;
    private const double Top = 40;
    private const double Bottom = 228;
    private const int Ticks = 5;
    private const int MostPoints = 160;
    private const int MostDots = 40;

    /// <summary>Draws up to three curves.</summary>
    /// <param name="id">Different from that of every other drawing of the page.</param>
    /// <param name="title">What it shows.</param>
    /// <param name="curves">The curves, each with at least one point that is finite.</param>
    public static Markup Draw(string id, string title, IReadOnlyList<ReportCurve> curves)
    {
        ReportCurve[] shown = [.. curves.Select(Thinned)];
        var points = shown.SelectMany(curve => curve.Points).ToArray();
        var across = Axis.Over([0, .. points.Select(point => point.Step)], Left, Right, Ticks) with
        {
            Low = 0,
            High = Math.Max(1, points.Max(point => point.Step)),
        };
        var up = Axis.Over([.. points.Select(point => point.Value)], Bottom, Top, Ticks);
        var chart = new SvgChart(id, title, Description(shown), Width, Height);
        DrawGrid(chart, across, up);
        var legend = Left;
        foreach (var (at, curve) in shown.Index())
        {
            var path = curve.Points.Select(point => (across.At(point.Step), up.At(point.Value)));
            chart.Path(path, $"curve curve-{at + 1}");
            foreach (var point in curve.Points.Where(_ => curve.Points.Count <= MostDots))
            {
                chart.Dot(across.At(point.Step), up.At(point.Value), 3.5, $"dot-{at + 1}",
                    $"step {Numbers.Count(point.Step)}: {Numbers.Short(point.Value)}");
            }

            chart.Line(legend, 16, legend + 18, 16, $"curve curve-{at + 1}").Text(legend + 24, 20.5, curve.Name, "small");
            legend += 48 + SvgChart.WidthOf(curve.Name);
        }

        return chart.ToMarkup();
    }

    /// <summary>The means of so many equal stretches at most.</summary>
    private static ReportCurve Thinned(ReportCurve curve)
    {
        CurvePoint[] finite = [.. curve.Points.Where(point => double.IsFinite(point.Value))];
        var size = Math.Max(1, (finite.Length + MostPoints - 1) / MostPoints);
        return new ReportCurve(curve.Name, [.. finite.Chunk(size)
            .Select(part => new CurvePoint(part[^1].Step, part.Average(point => point.Value)))]);
    }

    private static void DrawGrid(SvgChart chart, Axis across, Axis up)
    {
        foreach (var tick in up.Ticks(Ticks))
        {
            chart.Line(Left, up.At(tick), Right, up.At(tick), "grid")
                .Text(Left - 8, up.At(tick) + (SvgChart.FontSize * 0.36), Numbers.Short(tick), "small end");
        }

        foreach (var tick in across.Ticks(Ticks).Where(tick => tick % 1 == 0))
        {
            chart.Text(across.At(tick), Bottom + 20, Numbers.Count(tick), "small middle");
        }

        chart.Line(Left, Bottom, Right, Bottom, "axis").Text(Right, Height - 8, "step →", "axis-name end");
    }

    private static string Description(ReportCurve[] curves) => string.Join("; ", curves.Select(curve =>
        $"{curve.Name} goes from {Numbers.Short(curve.Points[0].Value)} at step {Numbers.Count(curve.Points[0].Step)} "
            + $"to {Numbers.Short(curve.Points[^1].Value)} at step {Numbers.Count(curve.Points[^1].Step)}")) + ".";
}
