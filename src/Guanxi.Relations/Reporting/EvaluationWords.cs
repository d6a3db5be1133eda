using Guanxi.Relations.Metrics;
using Guanxi.Relations.Reporting.Charts;

namespace Guanxi.Relations.Reporting;

/// <summary>What the figures of an evaluation say, in words.</summary>
internal static class EvaluationWords
{
    // Differences in confidence below this are nobody's concern.
    private const double WellCalibrated = 0.02;

    /// <summary>The most important in a sentence.</summary>
    public static string Lead(EvaluationResult result) =>
        $"{Numbers.Count(result.RightRows)} of {Numbers.Count(result.Report.Support, "row")} are labelled "
            + $"right, {Numbers.Percent(result.Report.Accuracy)}.";

    /// <summary>What to remember.</summary>
    public static IEnumerable<string> Summary(EvaluationResult result)
    {
        var (report, interval) = (result.Report, result.Interval);
        yield return $"The weighted F1 is {Numbers.Score(report.Weighted.F1)}. With other rows of the same kind it would most likely lie "
            + $"between "
            + $"{Numbers.Score(interval.Low)} and {Numbers.Score(interval.High)} ({Numbers.WholePercent(interval.Level)} interval): "
                + $"another system whose F1 lies there may be just as good.";
        var known = report.PerLabel.Where(label => label.Support > 0).OrderByDescending(label => label.Scores.F1).ToArray();
        if (known.Length > 1)
        {
            yield return $"Told best: {known[0].Label} (F1 {Numbers.Score(known[0].Scores.F1)}). Told worst: {known[^1].Label} "
                + $"(F1 {Numbers.Score(known[^1].Scores.F1)}, {Numbers.Count(known[^1].Support, "row")}).";
        }

        if (ConfusionView.Of(report).Mistakes().FirstOrDefault() is { Rows: > 0 } mistake)
        {
            yield return $"The most frequent mistake: {mistake.Gold} taken for {mistake.Predicted}, {Numbers.Count(mistake.Rows, "time")}.";
        }

        if (Seen(result) is { } seen)
        {
            yield return seen;
        }

        if (result.InvalidAnswers > 0)
        {
            yield return $"{Numbers.Count(result.InvalidAnswers, "answer")} {(result.InvalidAnswers == 1 ? "is" : "are")} none of the "
                + $"labels and {(result.InvalidAnswers == 1 ? "counts" : "count")} as wrong.";
        }
    }

    /// <summary>How far the confidence can be believed.</summary>
    public static string Confidence(Calibration calibration)
    {
        var rows = calibration.Bins.Sum(bin => bin.Count);
        var sure = calibration.Bins.Sum(bin => bin.Count * bin.Confidence) / rows;
        var reading = (sure - calibration.Accuracy) switch
        {
            > WellCalibrated => "it is too sure of itself",
            < -WellCalibrated => "it is more often right than it thinks",
            _ => "on the whole that fits",
        };
        return $"On average it is {Numbers.WholePercent(sure)} sure of its answers, and {Numbers.WholePercent(calibration.Accuracy)} of "
            + $"them are right: {reading}.";
    }

    /// <summary>What parts rows, for a heading.</summary>
    public static string HeadingOf(string by) => by switch
    {
        Slice.BySentence => "Sentences known from training",
        Slice.ByLength => "Length of the sentence",
        Slice.ByOrder => "Order of the two names",
        _ => by,
    };

    /// <summary>Name of a part.</summary>
    public static string NameOf(Slice slice) => slice switch
    {
        { Name: Slice.InTrain } => "also in training",
        { Name: Slice.NotInTrain } => "not in training",
        { Name: Slice.FirstPersonFirst } => "first of the two first",
        { Name: Slice.SecondPersonFirst } => "second of the two first",
        { By: Slice.ByLength } => $"{slice.Name.Replace('-', '–')} characters",
        _ => slice.Name,
    };

    private static string? Seen(EvaluationResult result)
    {
        var parts = result.Slices.Where(slice => slice.By == Slice.BySentence).ToDictionary(slice => slice.Name);
        return parts.TryGetValue(Slice.InTrain, out var seen) && parts.TryGetValue(Slice.NotInTrain, out var fresh)
            ? $"{Numbers.Count(seen.Rows, "row")} ask about a sentence that was also trained on, with this pair of names or another; "
                + $"there the weighted F1 is {Numbers.Score(seen.WeightedF1)}, on the "
                + $"{Numbers.Count(fresh.Rows)} other rows {Numbers.Score(fresh.WeightedF1)}. New text is like the latter."
            : null;
    }
}
