using System.Globalization;
using System.Text;
using Guanxi.Relations.Formats;

namespace Guanxi.Relations.Comparison;

/// <summary>A comparison as a table with its reading in words, and as JSON.</summary>
public static class ComparisonText
{
    /// <summary>Writes the table.</summary>
    /// <param name="comparison">The comparison.</param>
    /// <returns>Lines of text.</returns>
    public static string Write(SystemComparison comparison)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        var text = new StringBuilder();
        var width = Math.Max("system".Length, comparison.Systems.Max(system => system.Name.Length));
        var isPublished = comparison.Systems.Any(system => system.Published is not null);
        Line(text, $"{"system".PadRight(width)}  runs  accuracy  weighted F1  95 % interval{(isPublished ? "     published" : string.Empty)}");
        foreach (var system in comparison.Systems)
        {
            var published = system.Published is { } score ? score.ToString("F4", CultureInfo.InvariantCulture) : isPublished ? "-" : null;
            Line(
                text,
                $"{system.Name.PadRight(width)}  {system.RunScores.Count,4}  {system.Accuracy,8:F4}  {system.WeightedF1,11:F4}  {system.Interval.Low:F4} to {system.Interval.High:F4}{published,11}");
        }

        text.Append('\n');
        foreach (var sentence in Sentences(comparison))
        {
            Line(text, $"{sentence}");
        }

        Line(text, $"{Tests(comparison)}");
        return text.ToString();
    }

    /// <summary>Every pair in words, those with the best system first.</summary>
    internal static IEnumerable<string> Sentences(SystemComparison comparison)
    {
        var best = comparison.Best.Name;
        return comparison.Pairs.OrderByDescending(pair => pair.First == best || pair.Second == best).Select(pair => Sentence(pair, comparison.Rows));
    }

    /// <summary>Which tests were made.</summary>
    internal static string Tests(SystemComparison comparison) => "p of F1: paired bootstrap; p of accuracy: exact McNemar test, or a sign-flip test where there are several runs; "
        + $"all after Holm's correction for {comparison.Pairs.Count} pair{(comparison.Pairs.Count == 1 ? string.Empty : "s")}.";

    /// <summary>Writes the machine form.</summary>
    /// <param name="comparison">The comparison.</param>
    /// <returns>One line.</returns>
    public static string ToJson(SystemComparison comparison)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        var json = new JsonLineWriter().StartObject().Name("rows").Value(comparison.Rows);
        json.Name("systems").List(comparison.Systems, system => WriteSystem(json, system));
        json.Name("pairs").List(comparison.Pairs, pair => WritePair(json, pair));
        return json.EndObject().ToString();
    }

    private static void WriteSystem(JsonLineWriter json, SystemScore system)
    {
        json.StartObject()
            .Name("name").Value(system.Name)
            .Name("runs").Value(system.RunScores.Count)
            .Name("accuracy").Value(system.Accuracy)
            .Name("weighted_f1").Value(system.WeightedF1)
            .Name("weighted_f1_of_runs").List(system.RunScores)
            .Name("published_weighted_f1").Value(system.Published)
            .Name("interval");
        system.Interval.Write(json).Name("f1_per_label").StartObject();
        foreach (var label in system.PerLabel)
        {
            json.Name(label.Label).Value(label.Scores.F1);
        }

        json.EndObject().EndObject();
    }

    private static void WritePair(JsonLineWriter json, PairResult pair)
    {
        var test = pair.OnlyFirstRight is null ? "sign_flip_p" : "mcnemar_p";
        json.StartObject()
            .Name("first").Value(pair.First)
            .Name("second").Value(pair.Second)
            .Name("difference").Value(pair.Difference)
            .Name("interval");
        pair.Interval.Write(json)
            .Name("only_first_right").Value((double?)pair.OnlyFirstRight)
            .Name("only_second_right").Value((double?)pair.OnlySecondRight)
            .Name(test).Value(pair.P)
            .Name($"{test}_holm").Value(pair.AdjustedP)
            .Name("bootstrap_p").Value(pair.BootstrapP)
            .Name("bootstrap_p_holm").Value(pair.AdjustedBootstrapP)
            .Name("told_apart").Value(pair.IsToldApart)
            .Name("rows_needed").Value((double?)pair.RowsNeeded)
            .Name("critical_difference").Value(pair.CriticalDifference)
            .EndObject();
    }

    private static string Sentence(PairResult pair, int rows)
    {
        var (better, worse) = pair.Difference >= 0 ? (pair.Second, pair.First) : (pair.First, pair.Second);
        var (low, high) = pair.Difference >= 0 ? (pair.Interval.Low, pair.Interval.High) : (-pair.Interval.High, -pair.Interval.Low);
        var figures = string.Create(
            CultureInfo.InvariantCulture,
            $"by {Math.Abs(pair.Difference):F4} F1 ({low:F4} to {high:F4}; p of F1 {Show(pair.AdjustedBootstrapP)}, of accuracy {Show(pair.AdjustedP)})");
        var verdict = pair.IsToldApart ? $"{better} is better than {worse} {figures}." : $"{better} and {worse} cannot be told apart on {rows} rows: they differ {figures}";
        return pair.IsToldApart ? verdict
            : pair.RowsNeeded is { } needed ? string.Create(CultureInfo.InvariantCulture, $"{verdict}; about {Rounded(needed):N0} rows would be needed.")
            : $"{verdict}.";
    }

    // More than two digits would claim more than an estimate of an estimate can.
    private static double Rounded(int rows)
    {
        var unit = Math.Pow(10, Math.Max(0, Math.Floor(Math.Log10(rows)) - 1));
        return Math.Ceiling(rows / unit) * unit;
    }

    private static string Show(double p) => p < 0.001 ? "below 0.001" : p.ToString("F3", CultureInfo.InvariantCulture);

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
