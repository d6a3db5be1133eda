using Guanxi.Relations.Metrics;
using Guanxi.Transformers;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Relations;

/// <summary>A row with the truth and what was said of it.</summary>
/// <param name="Example">The row.</param>
/// <param name="Gold">The true label, in the schema's spelling where it knows it.</param>
/// <param name="Predicted">The predicted label; where the answer was none, the answer itself.</param>
/// <param name="Prediction">The prediction with its probabilities; null when there are none.</param>
/// <param name="Problem">Why there is no answer; null when there is one.</param>
public sealed record EvaluatedRow(RelationExample Example, string Gold, string Predicted, RelationPrediction? Prediction, Problem? Problem);

/// <summary>An evaluation: its rows and what they come to.</summary>
/// <param name="Rows">The rows in the order of the data.</param>
/// <param name="Labels">What each probability of a prediction belongs to; empty when there are no probabilities.</param>
/// <param name="Result">Scores, interval, calibration, time.</param>
public sealed record Evaluation(IReadOnlyList<EvaluatedRow> Rows, IReadOnlyList<string> Labels, EvaluationResult Result)
{
    /// <summary>Parts the rows also by whether their sentence was trained on.</summary>
    /// <param name="sentences">The sentences that were trained on.</param>
    /// <returns>The same evaluation with the scores of both parts.</returns>
    public Evaluation WithTrained(IReadOnlySet<string> sentences) => this with { Result = Result with { Slices = Slice.All(Rows, sentences) } };
}

/// <summary>Runs a classifier over rows whose relation is known.</summary>
/// <param name="time">The clock.</param>
public sealed class Evaluator(TimeProvider time)
{
    /// <summary>What stands for the answer where there was none, or an empty one.</summary>
    public const string NoAnswer = "(no answer)";

    // Enough rows for full batches, few enough that progress shows and a stop is obeyed soon.
    private const int RowsAtOnce = 64;

    /// <summary>Evaluates a classifier.</summary>
    /// <param name="classifier">The classifier.</param>
    /// <param name="examples">Rows with labels.</param>
    /// <param name="progress">Told how many rows are done; null for nobody.</param>
    /// <param name="stop">Ends the work between batches.</param>
    /// <returns>Rows and result.</returns>
    /// <exception cref="OptionsException">There is no row, or a row has no label.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public Evaluation Evaluate(
        IRelationClassifier classifier, IReadOnlyList<RelationExample> examples, IProgress<int>? progress, CancellationToken stop)
    {
        var start = time.GetTimestamp();
        var rows = Predict(classifier, examples, progress, stop);
        var labels = classifier.Schema.Labels;
        return Summarise(rows, labels, labels, time.GetElapsedTime(start));
    }

    /// <summary>Classifies rows without summing them up.</summary>
    /// <param name="classifier">The classifier.</param>
    /// <param name="examples">Rows with labels.</param>
    /// <param name="progress">Told how many rows are done; null for nobody.</param>
    /// <param name="stop">Ends the work between batches.</param>
    /// <returns>The rows in the order of the data.</returns>
    /// <exception cref="OptionsException">A row has no label.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static IReadOnlyList<EvaluatedRow> Predict(
        IRelationClassifier classifier, IReadOnlyList<RelationExample> examples, IProgress<int>? progress, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(classifier);
        Check(examples);
        var rows = new List<EvaluatedRow>(examples.Count);
        foreach (var chunk in examples.Chunk(RowsAtOnce))
        {
            stop.ThrowIfCancellationRequested();
            rows.AddRange(chunk.Zip(classifier.Classify(chunk), (example, outcome) => new EvaluatedRow(
                example, Gold(example, classifier.Schema), outcome.Prediction?.Label ?? NoAnswer, outcome.Prediction, outcome.Problem)));
            progress?.Report(rows.Count);
        }

        return rows;
    }

    /// <summary>Evaluates free generation.</summary>
    /// <param name="answers">The model that writes answers.</param>
    /// <param name="examples">Rows with labels.</param>
    /// <param name="ranks">Processes that share the rows.</param>
    /// <param name="progress">Told how many rows are done; null for nobody.</param>
    /// <param name="stop">Ends the work between tokens.</param>
    /// <returns>Rows and result; there are no probabilities, so no calibration.</returns>
    /// <exception cref="OptionsException">There is no row, or a row has no label.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public Evaluation Evaluate(
        AnswerGenerator answers, IReadOnlyList<RelationExample> examples, RankGroup ranks, IProgress<int>? progress, CancellationToken stop)
    {
        Check(examples);
        var start = time.GetTimestamp();
        var rows = new List<EvaluatedRow>(examples.Count);
        foreach (var chunk in examples.Chunk(ranks.WorldSize))
        {
            var written = SharedRows.Work(ranks, chunk, own => own.Select(example => answers.Answer(example, CancellationToken.None)), stop);
            rows.AddRange(chunk.Zip(written, (example, answer) => new EvaluatedRow(
                example, Gold(example, answers.Schema), answer.Label ?? (answer.Text.Length > 0 ? answer.Text : NoAnswer), null, answer.Problem)));
            progress?.Report(rows.Count);
        }

        return Summarise(rows, answers.Schema.Labels, [], time.GetElapsedTime(start));
    }

    /// <summary>Computes what evaluated rows come to.</summary>
    /// <param name="rows">The rows, at least one.</param>
    /// <param name="answers">The labels to choose from; a prediction that is none of them is an invalid answer.</param>
    /// <param name="labels">What each probability of a prediction belongs to; empty when there are no probabilities.</param>
    /// <param name="elapsed">Time the predictions took; null when they were made elsewhere.</param>
    /// <returns>
    /// The evaluation. Calibration is over the rows that have a probability for every label, their true one among them; null without any.
    /// </returns>
    /// <exception cref="OptionsException">There is no row.</exception>
    public static Evaluation Summarise(
        IReadOnlyList<EvaluatedRow> rows, IReadOnlyList<string> answers, IReadOnlyList<string> labels, TimeSpan? elapsed)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(labels);
        string[] truth = [.. rows.Select(row => row.Gold)];
        string[] predicted = [.. rows.Select(row => row.Predicted)];
        var report = ClassificationReport.Of(truth, predicted);
        var known = answers.ToHashSet(StringComparer.Ordinal);
        var result = new EvaluationResult(
            report, Bootstrap.WeightedF1(truth, predicted), predicted.Count(label => !known.Contains(label)), CalibrationOf(rows, labels), elapsed)
        {
            Slices = Slice.All(rows, null),
            ConfidentErrors = ConfidentError.Of(rows, labels),
        };
        return new Evaluation(rows, labels, result);
    }

    private static Calibration? CalibrationOf(IReadOnlyList<EvaluatedRow> rows, IReadOnlyList<string> labels)
    {
        var index = labels.Index().ToDictionary(item => item.Item, item => item.Index, StringComparer.Ordinal);
        EvaluatedRow[] weighed = [.. rows.Where(row => row.Prediction?.Probabilities.Count == labels.Count && index.ContainsKey(row.Gold))];
        return weighed.Length == 0
            ? null
            : Calibration.Of([.. weighed.Select(row => row.Prediction!.Probabilities.ToArray())], [.. weighed.Select(row => index[row.Gold])]);
    }

    private static string Gold(RelationExample example, RelationSchema schema) => schema.Canonical(example.Label!) ?? example.Label!.Trim();

    private static void Check(IReadOnlyList<RelationExample> examples)
    {
        RelationExample[] bare = [.. examples.Where(example => string.IsNullOrWhiteSpace(example.Label))];
        if (bare.Length > 0)
        {
            throw new OptionsException(new Problem($"{bare[0].Place}", "rows without label cannot be evaluated",
                "a label in every row", $"{bare.Length} without one"));
        }
    }
}
