using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Guanxi.Relations.Metrics;
using Guanxi.Relations.Reporting;
using Guanxi.Relations.Reporting.Charts;
using Xunit;

namespace Guanxi.Relations.Tests.Reporting;

public sealed partial class ChartTests
{
    private static readonly XNamespace s_svg = "http://www.w3.org/2000/svg";

    // Seven rows: 父母 3 right and 1 taken for 师生; 师生 1 right, 2 taken for 父母.
    private static readonly ClassificationReport s_report =
        ClassificationReport.Of(["父母", "父母", "父母", "父母", "师生", "师生", "师生"], ["父母", "父母", "父母", "师生", "师生", "父母", "父母"]);

    [Fact]
    public void The_confusion_shows_every_count_shaded_by_its_share_of_the_row()
    {
        var chart = Parse(ConfusionHeatMap.Draw("c", ConfusionView.Of(s_report)));

        Assert.Equal(["1", "2", "1", "3"], chart.Elements(s_svg + "text")
            .Where(text => Class(text).StartsWith("count", StringComparison.Ordinal)).Select(text => text.Value));
        var cells = chart.Elements(s_svg + "rect").Where(cell => cell.Element(s_svg + "title") is not null).ToArray();
        Assert.Equal(["hit-5", "miss-7", "miss-4", "hit-7"], cells.Select(Class));
        Assert.Equal("父母 → 师生: 1 row, 25.0\u00A0% of 父母", cells[2].Element(s_svg + "title")!.Value);
        Assert.Contains("父母 taken for 师生 in 1 row", chart.Element(s_svg + "desc")!.Value, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.001, 1)]
    [InlineData(0.25, 4)]
    [InlineData(0.26, 5)]
    [InlineData(1, 8)]
    public void Shades_follow_the_root_of_the_share(double share, int shade) => Assert.Equal(shade, ConfusionHeatMap.ShadeOf(share));

    [Fact]
    public void Many_answers_that_are_no_label_become_one_column()
    {
        string[] truth = [.. Enumerable.Range(0, 20).Select(_ => "父母"), "师生"];
        string[] predicted = [.. Enumerable.Range(0, 20).Select(at => $"胡言{at}"), "师生"];

        var view = ConfusionView.Of(ClassificationReport.Of(truth, predicted));

        Assert.Equal(["师生", "父母", "other answers"], view.Labels);
        Assert.Equal([[1, 0, 0], [0, 0, 20], [0, 0, 0]], view.Counts);
        Assert.Equal(("父母", "other answers", 20), Assert.Single(view.Mistakes()));
    }

    [Fact]
    public void Labels_from_data_are_text_and_never_markup()
    {
        const string Hostile = "</text><script>alert(1)</script>\"'";
        var report = ClassificationReport.Of([Hostile, "a", "a"], ["a", "a", Hostile]);
        var view = ConfusionView.Of(report);
        Markup[] charts =
        [
            ConfusionHeatMap.Draw("a", view), DistributionChart.Draw("b", DistributionChart.RowsOf(view)),
            IntervalChart.Draw("c", Hostile, Hostile, [Interval(Hostile, 0.5, 0.4, 0.6)], [Interval(Hostile, 0.5, 0.4, 0.6)]),
            CurveChart.Draw("d", Hostile, [new ReportCurve(Hostile, [new CurvePoint(1, 2), new CurvePoint(2, 1)])]),
        ];

        Assert.All(charts, chart => Assert.DoesNotContain(Parse(chart).DescendantsAndSelf(), element =>
            element.Name.LocalName == "script"));
    }

    [Fact]
    public void Every_chart_has_a_role_a_title_and_a_description()
    {
        var calibration = Calibration.Of([[0.9, 0.1], [0.4, 0.6], [0.55, 0.45]], [0, 1, 1]);
        Markup[] charts =
        [
            ConfusionHeatMap.Draw("a", ConfusionView.Of(s_report)), DistributionChart.Draw("a",
                DistributionChart.RowsOf(ConfusionView.Of(s_report))),
            ReliabilityDiagram.Draw("a", calibration), IntervalChart.Draw("a", "t", "f", [Interval("x", 0.5, 0.5, 0.5)],
                [Interval("x", 0.5, 0.5, 0.5)]),
            CurveChart.Draw("a", "t", [new ReportCurve("loss", [new CurvePoint(1, 2)])]),
        ];

        Assert.All(charts.Select(Parse), chart =>
        {
            Assert.Equal(("img", "a-title a-desc"), (chart.Attribute("role")!.Value, chart.Attribute("aria-labelledby")!.Value));
            Assert.Equal(["a-title", "a-desc"], chart.Elements().Take(2).Select(element => element.Attribute("id")!.Value));
            Assert.All(chart.Elements().Take(2), element => Assert.NotEmpty(element.Value));
            Assert.DoesNotContain("NaN", chart.ToString(), StringComparison.Ordinal);
        });
    }

    [Fact]
    public void The_reliability_diagram_has_a_dot_for_every_filled_bin_where_its_figures_are()
    {
        var calibration = Calibration.Of([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]], [0, 1, 1]);

        var chart = Parse(ReliabilityDiagram.Draw("r", calibration));

        // Both axes run from 0 to 1: a dot's distances from the ends of the plot are its confidence and accuracy.
        var ideal = chart.Elements(s_svg + "line").First(line => Class(line) == "ideal");
        var dots = chart.Elements(s_svg + "circle").Select(dot =>
            (Share(dot, "cx", ideal, "x1", "x2"), Share(dot, "cy", ideal, "y1", "y2"))).ToArray();
        Assert.Equal(calibration.Bins.Count, dots.Length);
        Assert.All(dots.Zip(calibration.Bins), pair =>
        {
            // Coordinates are written with two digits.
            Assert.Equal(pair.Second.Confidence, pair.First.Item1, 1e-4);
            Assert.Equal(pair.Second.Accuracy, pair.First.Item2, 1e-4);
        });
    }

    [Theory]
    [InlineData(0.61, 0.79, 0.6, 0.8)]
    [InlineData(3, 1234, 0, 1250)]
    [InlineData(0.5, 0.5, 0.47, 0.53)]
    public void An_axis_ends_at_round_numbers_around_its_values(double low, double high, double expectedLow, double expectedHigh)
    {
        var axis = Axis.Over([low, high], 0, 100, 5);

        Assert.Equal((expectedLow, expectedHigh), (Math.Round(axis.Low, 9), Math.Round(axis.High, 9)));
        Assert.All(axis.Ticks(5), tick => Assert.InRange(axis.At(tick), -1e-6, 100 + 1e-6));
        Assert.InRange(axis.Ticks(5).Count(), 2, 7);
    }

    [Fact]
    public void Long_names_are_cut_to_the_room_there_is()
    {
        Assert.Equal("夫妻", SvgChart.Fit("夫妻", 30));
        Assert.EndsWith("…", SvgChart.Fit("一个特别长的关系名称", 60), StringComparison.Ordinal);
        Assert.True(SvgChart.WidthOf(SvgChart.Fit("一个特别长的关系名称", 60)) <= 60);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Numbers_in_the_confusion_have_contrast_in_every_shade(bool isDark)
    {
        var colours = Colours(isDark);
        string[] shades = ["heat-0", .. Enumerable.Range(1, ConfusionHeatMap.Shades)
            .SelectMany(shade => (string[])[$"hit-{shade}", $"miss-{shade}"])];

        // WCAG 2.2, 1.4.3: 4.5 to 1.
        Assert.All(shades, shade => Assert.True(
            Contrast(colours[shade], colours[int.Parse(shade[^1..], CultureInfo.InvariantCulture) > 4 ? "on-strong"
                : "on-weak"]) >= 4.5, shade));
        Assert.All(["ink", "muted"], text => Assert.All(["surface", "ground", "sunken"], ground =>
            Assert.True(Contrast(colours[text], colours[ground]) >= 4.5, $"{text} on {ground}")));

        // 1.4.11: what is drawn, 3 to 1.
        Assert.All(["first", "second", "third", "axis"], mark => Assert.True(Contrast(colours[mark], colours["surface"]) >= 3, mark));
    }

    private static Dictionary<string, string> Colours(bool isDark)
    {
        var parts = StyleSheets.Charts.Split("@media (prefers-color-scheme: dark)");
        var found = ColourPattern().Matches(parts[0]).Concat(isDark ? ColourPattern().Matches(parts[1]) : []);
        return found.GroupBy(match => match.Groups[1].Value).ToDictionary(group => group.Key, group => group.Last().Groups[2].Value);
    }

    private static double Contrast(string first, string second)
    {
        var (a, b) = (Luminance(first), Luminance(second));
        return (Math.Max(a, b) + 0.05) / (Math.Min(a, b) + 0.05);
    }

    private static double Luminance(string colour)
    {
        double[] parts = [.. Enumerable.Range(0, 3)
            .Select(at => int.Parse(colour.AsSpan(1 + (2 * at), 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255.0)
            .Select(value => value <= 0.04045 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4))];
        return (0.2126 * parts[0]) + (0.7152 * parts[1]) + (0.0722 * parts[2]);
    }

    private static IntervalChart.Row Interval(string name, double value, double low, double high) =>
        new(name, value, new Interval("x", 0.95, low, high, ""));

    private static double Share(XElement dot, string at, XElement line, string from, string to)
    {
        double Number(XElement element, string name) => double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);
        return (Number(dot, at) - Number(line, from)) / (Number(line, to) - Number(line, from));
    }

    private static string Class(XElement element) => element.Attribute("class")?.Value ?? "";

    private static XElement Parse(Markup chart) => XElement.Parse(chart.Text);

    [GeneratedRegex("--([a-z0-9-]+): (#[0-9a-f]{6});")]
    private static partial Regex ColourPattern();
}
