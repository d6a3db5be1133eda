using Guanxi.Relations.Metrics;
using Guanxi.Transformers;

namespace Guanxi.Relations.Comparison;

/// <summary>Systems compared on the same rows, and what of their differences is chance.</summary>
/// <param name="Rows">Number of rows.</param>
/// <param name="Systems">Scores, in the order given.</param>
/// <param name="Pairs">Every pair of systems.</param>
/// <remarks>
/// Rows are drawn with replacement, the same for all systems, and where a system has several runs these too: so an interval holds
/// what another test set and another seed would change.
/// </remarks>
public sealed record SystemComparison(int Rows, IReadOnlyList<SystemScore> Systems, IReadOnlyList<PairResult> Pairs)
{
    /// <summary>Resamples that a comparison draws as a rule.</summary>
    public const int UsualResamples = 2000;

    // Normal quantiles: a two-sided test at 5 % that finds a difference with a probability of 80 %.
    private const double Quantiles = 1.959964 + 0.841621;

    /// <summary>The system with the highest weighted F1; of equals the first.</summary>
    public SystemScore Best => Systems.MaxBy(system => system.WeightedF1)!;

    /// <summary>Compares systems.</summary>
    /// <param name="gold">True labels, at least one.</param>
    /// <param name="systems">At least two, each with at least one run over all rows.</param>
    /// <param name="resamples">Resamples to draw.</param>
    /// <returns>Scores and pairs.</returns>
    /// <exception cref="OptionsException">There is nothing to compare, or rows do not fit; all problems are listed.</exception>
    public static SystemComparison Of(IReadOnlyList<string> gold, IReadOnlyList<ComparedSystem> systems, int resamples)
    {
        ArgumentNullException.ThrowIfNull(gold);
        ArgumentNullException.ThrowIfNull(systems);
        Check(gold, systems);
        var counted = systems.Select(system => system.Runs.Select(run => LabelCounts.Of(gold, run, [])).ToArray()).ToArray();
        var drawn = Draw(gold.Count, counted, resamples);
        var scores = systems.Select((system, at) => ScoreOf(gold, system, counted[at], drawn[at])).ToArray();
        var pairs = new List<PairResult>();
        for (var first = 0; first < systems.Count; first++)
        {
            for (var second = first + 1; second < systems.Count; second++)
            {
                pairs.Add(Compare(gold, (scores[first], systems[first], drawn[first]), (scores[second], systems[second], drawn[second])));
            }
        }

        return new SystemComparison(gold.Count, scores, Adjusted(pairs));
    }

    private static void Check(IReadOnlyList<string> gold, IReadOnlyList<ComparedSystem> systems)
    {
        List<Problem> problems = [.. systems.SelectMany(system => system.Runs.Where(run => run.Count != gold.Count).Select(run => new Problem(
            system.Name, "the predictions are not of the same rows", $"{gold.Count} rows", $"{run.Count}")))];
        if (systems.Count < 2)
        {
            problems.Add(new Problem("compare", "there is nothing to compare", "two systems or more", $"{systems.Count}"));
        }

        if (gold.Count == 0)
        {
            problems.Add(new Problem("compare", "there are no rows"));
        }

        if (problems.Count > 0)
        {
            throw new OptionsException(problems);
        }
    }

    /// <summary>Mean weighted F1 of every system on every resample.</summary>
    private static double[][] Draw(int rows, LabelCounts[][] systems, int resamples)
    {
        var random = new SeededRandom(Bootstrap.UsualSeed + 1);
        var drawn = systems.Select(_ => new double[resamples]).ToArray();
        foreach (var (at, resample) in Bootstrap.Resamples(rows, resamples, Bootstrap.UsualSeed).Index())
        {
            for (var system = 0; system < systems.Length; system++)
            {
                var runs = systems[system];
                drawn[system][at] = runs.Length == 1
                    ? runs[0].WeightedF1(resample)
                    : runs.Select(_ => runs[random.Next(runs.Length)].WeightedF1(resample)).Average();
            }
        }

        return drawn;
    }

    private static SystemScore ScoreOf(IReadOnlyList<string> gold, ComparedSystem system, LabelCounts[] runs, double[] drawn)
    {
        int[] all = [.. Enumerable.Range(0, runs[0].Rows)];
        double[] scores = [.. runs.Select(run => run.WeightedF1(all))];
        var accuracy = runs.Average(run => all.Count(run.IsRight) / (double)all.Length);
        var interval = Bootstrap.IntervalOf(drawn, Bootstrap.UsualLevel, MethodOf(runs.Length, drawn.Length));
        return new SystemScore(system.Name, scores, accuracy, scores.Average(), interval, PerLabel(gold, system)) { Published = system.Published };
    }

    private static LabelScores[] PerLabel(IReadOnlyList<string> gold, ComparedSystem system)
    {
        string[] labels = [.. gold.Distinct(StringComparer.Ordinal).Order(CodePointOrder.Comparer)];
        var reports = system.Runs.Select(run => ClassificationReport.Of(gold, run, labels).PerLabel).ToArray();
        return [.. labels.Select((label, at) => new LabelScores(label, Mean([.. reports.Select(report => report[at].Scores)]), reports[0][at].Support))];
    }

    private static Scores Mean(Scores[] scores) => new(scores.Average(item => item.Precision), scores.Average(item => item.Recall), scores.Average(item => item.F1));

    private static string MethodOf(int runs, int resamples) =>
        $"percentile bootstrap over rows{(runs > 1 ? $" and {runs} runs" : string.Empty)}, {resamples} resamples, seed {Bootstrap.UsualSeed}";

    private static PairResult Compare(
        IReadOnlyList<string> gold, (SystemScore Score, ComparedSystem System, double[] Drawn) first, (SystemScore Score, ComparedSystem System, double[] Drawn) second)
    {
        double[] differences = [.. second.Drawn.Zip(first.Drawn, (high, low) => high - low)];
        var difference = second.Score.WeightedF1 - first.Score.WeightedF1;
        var interval = Bootstrap.IntervalOf(differences, Bootstrap.UsualLevel, $"paired {MethodOf(Math.Max(first.System.Runs.Count, second.System.Runs.Count), differences.Length)}");
        var isSingle = first.System.Runs.Count == 1 && second.System.Runs.Count == 1;
        var mcNemar = isSingle ? McNemar.Of(gold, first.System.Runs[0], second.System.Runs[0]) : null;
        var p = mcNemar?.Exact ?? SignFlip.P(Rightness(gold, first.System), Rightness(gold, second.System), Bootstrap.UsualSeed);
        var (twoSided, critical) = (TwoSided(differences), Quantiles * DeviationOf(differences));
        return new PairResult(
            first.Score.Name, second.Score.Name, difference, interval, twoSided, mcNemar?.OnlyFirstRight, mcNemar?.OnlySecondRight, p, p, twoSided,
            RowsNeeded(gold.Count, difference, critical), critical);
    }

    /// <summary>Share of the runs that have a row right.</summary>
    private static double[] Rightness(IReadOnlyList<string> gold, ComparedSystem system) =>
        [.. gold.Select((label, row) => system.Runs.Average(run => run[row] == label ? 1.0 : 0.0))];

    // One more than was drawn: p is never 0, for the data themselves are one of the draws.
    private static double TwoSided(double[] differences)
    {
        var (notAbove, notBelow) = (differences.Count(value => value <= 0), differences.Count(value => value >= 0));
        return Math.Min(1, 2.0 * (Math.Min(notAbove, notBelow) + 1) / (differences.Length + 1));
    }

    // What is found shrinks with the root of the rows.
    private static int? RowsNeeded(int rows, double difference, double critical)
    {
        var needed = difference == 0 ? double.PositiveInfinity : rows * Math.Pow(critical / difference, 2);
        return needed < int.MaxValue ? (int)Math.Ceiling(needed) : null;
    }

    private static double DeviationOf(double[] values)
    {
        var mean = values.Average();
        return Math.Sqrt(values.Average(value => (value - mean) * (value - mean)));
    }

    private static List<PairResult> Adjusted(List<PairResult> pairs)
    {
        var (accuracy, score) = (HolmCorrection.Adjust([.. pairs.Select(pair => pair.P)]), HolmCorrection.Adjust([.. pairs.Select(pair => pair.BootstrapP)]));
        return [.. pairs.Select((pair, at) => pair with { AdjustedP = accuracy[at], AdjustedBootstrapP = score[at] })];
    }
}
