using Guanxi.Relations.Metrics;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>Names of what evaluations during a run measure, and which of it chooses the best checkpoint.</summary>
internal static class RunMetrics
{
    public const string Loss = "loss";
    public const string WeightedF1 = "weighted_f1";
    public const string Accuracy = "accuracy";

    /// <summary>Before the metrics of eval_file where rows of train_file do the choosing.</summary>
    public const string FilePrefix = "file_";

    /// <summary>Before all of them in logs.</summary>
    public const string LogPrefix = "eval_";

    /// <summary>A metric's name without the prefix that logs have.</summary>
    public static string Plain(string metric) =>
        metric.StartsWith(LogPrefix, StringComparison.Ordinal) ? metric[LogPrefix.Length..] : metric;

    /// <summary>Whether evaluations choose a checkpoint or the end of the run.</summary>
    public static bool Chooses(this TrainArguments arguments) =>
        arguments.LoadBestModelAtEnd || arguments.MetricForBestModel is not null || arguments.EarlyStoppingPatience is not null;

    /// <summary>The metric that chooses.</summary>
    /// <param name="arguments">Arguments.</param>
    /// <param name="hasLabels">Whether the rows evaluated have labels to be scored.</param>
    public static string MetricOf(TrainArguments arguments, bool hasLabels) =>
        arguments.MetricForBestModel is { } metric ? Plain(metric) : hasLabels ? WeightedF1 : Loss;

    /// <summary>How well predictions agree with labels.</summary>
    /// <param name="prefix">Before the names.</param>
    /// <param name="rows">Rows that were classified.</param>
    public static IEnumerable<KeyValuePair<string, double>> Scores(string prefix, IReadOnlyList<EvaluatedRow> rows)
    {
        var report = ClassificationReport.Of([.. rows.Select(row => row.Gold)], [.. rows.Select(row => row.Predicted)]);
        return [KeyValuePair.Create(prefix + WeightedF1, report.Weighted.F1), KeyValuePair.Create(prefix + Accuracy, report.Accuracy)];
    }

    /// <summary>Which of its values is the best.</summary>
    public static ModelChoice ChoiceOf(TrainArguments arguments, string metric) => !arguments.Chooses()
        ? ModelChoice.None
        : arguments.GreaterIsBetter ?? metric != Loss ? ModelChoice.Highest : ModelChoice.Lowest;
}
