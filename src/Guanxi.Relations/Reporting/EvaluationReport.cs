using Guanxi.Relations.Metrics;
using Guanxi.Relations.Reporting.Charts;

namespace Guanxi.Relations.Reporting;

/// <summary>An evaluation as a page in one file, for a reader who is no statistician.</summary>
public static class EvaluationReport
{
    private const int MistakesListed = 8;

    /// <summary>Writes the page.</summary>
    /// <param name="evaluation">The evaluation.</param>
    /// <param name="context">What was evaluated.</param>
    /// <returns>HTML without script; it asks for nothing from any network.</returns>
    public static string ToHtml(Evaluation evaluation, ReportContext context)
    {
        ArgumentNullException.ThrowIfNull(evaluation);
        ArgumentNullException.ThrowIfNull(context);
        var (result, view) = (evaluation.Result, ConfusionView.Of(evaluation.Result.Report));
        var page = new ReportPage()
            .Section("summary", "In short", html => WriteSummary(html, result))
            .Section("labels", "Label by label", html => WriteLabels(html, result.Report, view))
            .Section("confusion", "What is taken for what", html => WriteConfusion(html, view));
        if (result.Calibration is { } calibration)
        {
            page.Section("confidence", "How far its confidence can be believed", html => WriteCalibration(html, calibration));
        }

        if (result.Slices.Count > 0)
        {
            page.Section("slices", "Where it does well and where not", html => WriteSlices(html, result.Slices));
        }

        if (result.ConfidentErrors.Count > 0)
        {
            page.Section("errors", "Sure and wrong", html => WriteErrors(html, result.ConfidentErrors));
        }

        var (losses, scores) = (Drawable(context.Losses), Drawable(context.Scores));
        if (losses.Length + scores.Length > 0)
        {
            page.Section("training", "How the training went", html => WriteTraining(html, losses, scores));
        }

        return page.About(context.Facts).ToHtml("Evaluation", context.Subject, EvaluationWords.Lead(result));
    }

    /// <summary>Draws the confusion alone.</summary>
    /// <param name="report">Scores with the confusion.</param>
    /// <returns>A file of SVG with its own style, light and dark.</returns>
    public static string ConfusionSvg(ClassificationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var drawing = ConfusionHeatMap.Draw("confusion", ConfusionView.Of(report)).Text;
        var style = new MarkupWriter().Style(StyleSheets.Charts).ToMarkup().Text;
        return drawing.Insert(drawing.IndexOf('>', StringComparison.Ordinal) + 1, style) + "\n";
    }

    private static void WriteSummary(MarkupWriter html, EvaluationResult result)
    {
        var report = result.Report;
        html.Open("dl", ("class", "cards"));
        html.Card("Weighted F1", Numbers.Score(report.Weighted.F1), $"95 % interval {Numbers.Range(result.Interval)}", isMain: true);
        html.Card("Accuracy", Numbers.Percent(report.Accuracy), $"95 % interval {Numbers.PercentRange(result.AccuracyInterval)}");
        html.Card("Macro F1", Numbers.Score(report.Macro.F1), "every label counts the same, however rare");
        if (result.Calibration is { } calibration)
        {
            html.Card("Calibration error", Numbers.Percent(calibration.ExpectedError), "average gap between confidence and truth");
        }

        html.Close().Sentences(EvaluationWords.Summary(result));
        html.Paragraph(
            "Precision: of the rows given a label, the share that has it. Recall: of the rows that have a label, the share that is "
                + "found. F1: one number for both, high only when both are. "
            + "Weighted: the mean over labels, each as heavy as its rows; macro: the plain mean; micro: all rows together.", "note");
    }

    private static void WriteLabels(MarkupWriter html, ClassificationReport report, ConfusionView view)
    {
        html.Open("div", ("class", "pair wide-first")).Open("div");
        html.OpenTable("Scores of each label", "Label", "Precision", "Recall", "F1", "Rows");
        foreach (var row in report.PerLabel.Where(row => row.Support > 0).OrderByDescending(row => row.Scores.F1))
        {
            html.OpenRow(row.Label).Element("td", Numbers.Score(row.Scores.Precision)).Element("td", Numbers.Score(row.Scores.Recall));
            html.BarCell(row.Scores.F1).Element("td", Numbers.Count(row.Support)).Close();
        }

        html.Close().Open("tfoot");
        WriteMean(html, "Weighted", report.Weighted, report.Support);
        WriteMean(html, "Macro", report.Macro, report.Support);
        WriteMean(html, "Micro", report.Micro, report.Support);
        html.CloseTable().Close().Open("div");
        html.Figure(DistributionChart.Draw("distribution", DistributionChart.RowsOf(view)), "Rows of each label: how often it is true "
            + "and how often it is predicted.");
        html.Close().Close();
    }

    private static void WriteMean(MarkupWriter html, string name, Scores scores, int rows) =>
        html.Row(name, Numbers.Score(scores.Precision), Numbers.Score(scores.Recall), Numbers.Score(scores.F1), Numbers.Count(rows));

    private static void WriteConfusion(MarkupWriter html, ConfusionView view)
    {
        html.Open("div", ("class", "pair wide-first"));
        html.Figure(
            ConfusionHeatMap.Draw("heat-map", view),
            "Each row is a true label; its cells say for how many of its rows which label was predicted. Blue lies on the diagonal and "
                + "is right, orange is wrong.", "Confusion");
        html.Open("div").Element("h3", "The most frequent mistakes")
            .OpenTable("The most frequent mistakes", "True → predicted", "Rows", "Share of the label");
        foreach (var (gold, predicted, rows) in view.Mistakes().Take(MistakesListed))
        {
            var all = view.Counts[view.Labels.Index().First(item => item.Item == gold).Index].Sum();
            html.Row($"{gold} → {predicted}", Numbers.Count(rows), Numbers.WholePercent((double)rows / all));
        }

        html.CloseTable().Close().Close();
    }

    private static void WriteCalibration(MarkupWriter html, Calibration calibration)
    {
        html.Paragraph(EvaluationWords.Confidence(calibration)).Open("div", ("class", "pair"));
        html.Figure(
            ReliabilityDiagram.Draw("reliability", calibration),
            "Each dot stands for answers of about the same confidence, the larger the more. Below the dashed line it is surer than it is "
                + "right; the orange stroke is the gap.");
        html.Open("div").OpenTable("Calibration", "Measure", "Value");
        html.Row("Expected calibration error (ECE)", Numbers.Percent(calibration.ExpectedError));
        html.Row("Largest gap of a bin (MCE)", Numbers.Percent(calibration.MaximumError));
        html.Row("Log loss", Numbers.Score(calibration.LogLoss));
        html.Row("Brier score", Numbers.Score(calibration.Brier)).CloseTable();
        html.Paragraph(
            $"ECE: the mean gap between confidence and share of right answers over {Calibration.BinCount} bins of equal width. Log loss "
                + $"and Brier score also charge for probability given to "
            + "wrong labels; lower is better.", "note");
        html.Close().Close();
    }

    private static void WriteSlices(MarkupWriter html, IReadOnlyList<Slice> slices)
    {
        html.Paragraph("The same figures on parts of the rows, with 95 % intervals of the accuracy. Where two intervals overlap widely "
            + "the parts may well be equally hard.");
        var scale = slices.Select(RowOf).ToArray();
        foreach (var (at, part) in slices.GroupBy(slice => slice.By).Index())
        {
            var heading = EvaluationWords.HeadingOf(part.Key);
            html.Element("h3", heading).Open("div", ("class", "pair middle")).OpenTable(heading, "Part", "Rows", "Weighted F1", "Accuracy");
            foreach (var slice in part)
            {
                html.Row(EvaluationWords.NameOf(slice), Numbers.Count(slice.Rows), Numbers.Score(slice.WeightedF1),
                    Numbers.Percent(slice.Accuracy));
            }

            html.CloseTable().Add(IntervalChart.Draw($"slice-{at}", $"Accuracy by: {heading}", "accuracy", [.. part.Select(RowOf)], scale))
                .Close();
        }

        static IntervalChart.Row RowOf(Slice slice) => new(EvaluationWords.NameOf(slice), slice.Accuracy, slice.AccuracyInterval);
    }

    private static void WriteErrors(MarkupWriter html, IReadOnlyList<ConfidentError> errors)
    {
        html.Paragraph($"The {Numbers.Count(errors.Count, "wrong answer")} with the highest confidence. They are worth reading: many "
            + $"show a label that is wrong in the data, or a rule that was learnt falsely. Blue is the "
            + "first name, orange the second.");
        html.Open("ul", ("class", "errors"));
        foreach (var error in errors)
        {
            html.Open("li").Add(MarkedSentence.Of(error.Example)).Open("p", ("class", "verdict"));
            html.Text("true ").Element("strong", error.Gold, ("lang", Languages.Of(error.Gold)));
            html.Text(error.GoldProbability is { } given ? $" ({Numbers.Percent(given)})" : string.Empty).Text(", predicted ");
            html.Element("strong", error.Predicted, ("lang", Languages.Of(error.Predicted)))
                .Text($" ({Numbers.Percent(error.Confidence)})");
            html.Element("span", $" · row {Numbers.Count(error.Example.Place.Row)}", ("class", "note")).Close().Close();
        }

        html.Close();
    }

    // A run that diverged at once has no finite figure.
    private static ReportCurve[] Drawable(IReadOnlyList<ReportCurve> curves) =>
        [.. curves.Where(curve => curve.Points.Any(point => double.IsFinite(point.Value)))];

    private static void WriteTraining(MarkupWriter html, ReportCurve[] losses, ReportCurve[] scores)
    {
        html.Open("div", ("class", "pair"));
        if (losses.Length > 0)
        {
            html.Figure(CurveChart.Draw("losses", "Loss over the steps of the training", losses), "Loss: what training makes smaller. "
                + "Where the loss on held-out rows rises again, the model learns by heart.");
        }

        if (scores.Length > 0)
        {
            html.Figure(CurveChart.Draw("scores", "Scores over the steps of the training", scores), "Scores on the rows that were "
                + "evaluated during the training.");
        }

        html.Close();
    }
}
