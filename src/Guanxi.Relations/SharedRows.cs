using System.Security.Cryptography;
using System.Text.Json;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Training;
using Guanxi.Transformers;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Relations;

/// <summary>Rows that several processes work on together: each does every so-manyth, and all get the whole, in the order of the rows.</summary>
public static class SharedRows
{
    /// <summary>Checks that all processes have the same task.</summary>
    /// <param name="ranks">The processes.</param>
    /// <param name="model">The model of this one.</param>
    /// <param name="path">The file of rows; its content counts, not its name.</param>
    /// <exception cref="OptionsException">A process has something else.</exception>
    /// <exception cref="RankLostException">A process was lost.</exception>
    public static void RequireSame(RankGroup ranks, TrainedModel model, string path)
    {
        ArgumentNullException.ThrowIfNull(ranks);
        ArgumentNullException.ThrowIfNull(model);
        if (ranks.WorldSize == 1)
        {
            return;
        }

        using var file = File.OpenRead(path);
        ranks.RequireSame(
        [
            ("the rows", SHA256.HashData(file)),
            ("the model's labels", RankFacts.Hash(string.Join('\n', model.Schema.Labels))),
            ("the model's question", RankFacts.Hash(model.Template?.Template ?? string.Empty)),
        ]);
    }

    /// <summary>Does the work.</summary>
    /// <typeparam name="TRow">A row.</typeparam>
    /// <typeparam name="TOutcome">What comes of it, in a form that JSON keeps.</typeparam>
    /// <param name="ranks">The processes; all call this with the same rows.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="work">Does some of them, an outcome a row.</param>
    /// <param name="stop">Ends the work before it begins; asking one process is enough.</param>
    /// <returns>An outcome for every row.</returns>
    /// <exception cref="OperationCanceledException">It was stopped, in all processes.</exception>
    /// <exception cref="RankLostException">Another process was lost.</exception>
    internal static TOutcome[] Work<TRow, TOutcome>(
        RankGroup ranks, IReadOnlyList<TRow> rows, Func<IReadOnlyList<TRow>, IEnumerable<TOutcome>> work, CancellationToken stop)
    {
        if (ranks.Any(stop.IsCancellationRequested))
        {
            ranks.Leave();
            throw new OperationCanceledException(stop);
        }

        TRow[] own = [.. rows.Where((_, row) => row % ranks.WorldSize == ranks.Rank)];
        TOutcome[] outcomes = own.Length == 0 ? [] : [.. work(own)];
        if (ranks.WorldSize == 1)
        {
            return outcomes;
        }

        var all = ranks.Gather(JsonSerializer.Serialize(outcomes)).Select(text => JsonSerializer.Deserialize<TOutcome[]>(text)!).ToArray();
        return [.. Enumerable.Range(0, rows.Count).Select(row => all[row % all.Length][row / all.Length])];
    }
}

/// <summary>A classifier of which every process has one: each classifies its share of the rows, and all know all answers.</summary>
/// <param name="inner">The classifier of this process; it stays the caller's.</param>
/// <param name="ranks">The processes; all classify the same rows at the same time.</param>
/// <param name="stop">Ends the work before the next rows; asking one process is enough.</param>
public sealed class SharedClassifier(IRelationClassifier inner, RankGroup ranks, CancellationToken stop) : IRelationClassifier
{
    /// <inheritdoc/>
    public RelationSchema Schema => inner.Schema;

    /// <inheritdoc/>
    /// <exception cref="OperationCanceledException">It was stopped, in all processes.</exception>
    /// <exception cref="RankLostException">Another process was lost.</exception>
    public IReadOnlyList<ClassifiedRow> Classify(IReadOnlyList<RelationExample> examples)
    {
        if (ranks.WorldSize == 1)
        {
            stop.ThrowIfCancellationRequested();
            return inner.Classify(examples);
        }

        return
        [
            .. SharedRows.Work(ranks, examples, own => inner.Classify(own).Select(row => new Outcome(row.Prediction?.Probabilities.ToArray(), row.Problem)), stop)
                .Select(outcome => outcome.Probabilities is { } probabilities
                    ? ClassifiedRow.Of(RelationPrediction.Of(Schema, probabilities))
                    : ClassifiedRow.Failed(outcome.Problem!)),
        ];
    }

    /// <summary>Does nothing: the classifier is the caller's.</summary>
    public void Dispose()
    {
    }

    private sealed record Outcome(double[]? Probabilities, Problem? Problem);
}
