using Guanxi.Relations.Metrics;

namespace Guanxi.Relations.Reporting.Charts;

/// <summary>How often answers are right against how sure the classifier is, and below it the rows of each confidence.</summary>
/// <remarks>The reliability diagram of Guo et al. 2017, arXiv 1706.04599.</remarks>
internal static class ReliabilityDiagram
{
    private const double Width = 400;
    private const double Left = 66;
    private const double Right = 378;
    private const double Top = 14;
    private const double Bottom = 322;
    private const double RowsTop = 364;
    private const double RowsBottom = 416;
    private const double Height = 460;
    private const int Ticks = 5;

    /// <summary>Draws.</summary>
    public static Markup Draw(string id, Calibration calibration)
    {
        var chart = new SvgChart(id, "Reliability: how often answers of a given confidence are right", Description(calibration), Width,
            Height);
        var (across, up) = (new Axis(0, 1, Left, Right), new Axis(0, 1, Bottom, Top));
        DrawGrid(chart, across, up);
        chart.Line(Left, Bottom, Right, Top, "ideal");
        chart.Line(Left + 14, Top + 20, Left + 40, Top + 20, "ideal").Text(Left + 48, Top + 24, "as sure as right", "small");
        var most = calibration.Bins.Max(bin => bin.Count);
        var rows = new Axis(0, most, RowsBottom, RowsTop);
        foreach (var bin in calibration.Bins)
        {
            var (x, hint) = (across.At(bin.Confidence), Hint(bin));
            chart.Line(x, up.At(bin.Confidence), x, up.At(bin.Accuracy), "gap");
            var (from, to) = (across.At((double)bin.Index / Calibration.BinCount), across.At((bin.Index + 1.0) / Calibration.BinCount));
            chart.Rectangle(from + 1, rows.At(bin.Count), to - from - 2, RowsBottom - rows.At(bin.Count), "series-1", hint);
        }

        chart.Path(calibration.Bins.Select(bin => (across.At(bin.Confidence), up.At(bin.Accuracy))), "curve curve-1");
        foreach (var bin in calibration.Bins)
        {
            var radius = 3.5 + (4.5 * Math.Sqrt((double)bin.Count / most));
            chart.Dot(across.At(bin.Confidence), up.At(bin.Accuracy), radius, "dot-1", Hint(bin));
        }

        return chart.Text(Left, RowsTop - 10, "rows of each confidence", "axis-name").Line(Left, RowsBottom, Right, RowsBottom, "axis")
            .ToMarkup();
    }

    private static void DrawGrid(SvgChart chart, Axis across, Axis up)
    {
        foreach (var tick in across.Ticks(Ticks))
        {
            chart.Line(across.At(tick), Top, across.At(tick), Bottom, "grid").Line(Left, up.At(tick), Right, up.At(tick), "grid");
            chart.Text(Left - 8, up.At(tick) + (SvgChart.FontSize * 0.36), Numbers.WholePercent(tick), "small end");
            chart.Text(across.At(tick), RowsBottom + 18, Numbers.WholePercent(tick), "small middle");
        }

        chart.UpwardText(12, Bottom, "share that is right →", "axis-name")
            .Text(Right, Height - 8, "confidence of the answer →", "axis-name end");
    }

    private static string Hint(CalibrationBin bin) =>
        $"{Numbers.Count(bin.Count, "row")}: {Numbers.Percent(bin.Confidence)} sure on average, {Numbers.Percent(bin.Accuracy)} right";

    private static string Description(Calibration calibration) =>
        $"Confidence against the share that is right; on the dashed line the two are "
            + $"equal. {string.Join("; ", calibration.Bins.Select(Hint))}.";
}
