using Guanxi.Relations.DataChecks;
using Guanxi.Transformers;

namespace Guanxi.Relations.Tfidf;

/// <summary>What the linear baseline says of rows that it has not seen: trained anew for every fold, on the sentences of the others.</summary>
internal static class TfidfCrossValidation
{
    /// <summary>Trains and answers.</summary>
    /// <param name="rows">Rows with labels of the schema.</param>
    /// <param name="schema">The labels.</param>
    /// <param name="folds">Models to train; from 2.</param>
    /// <param name="seed">Decides which sentences share a fold.</param>
    /// <param name="progress">Told the number of folds that are done; null for nobody.</param>
    /// <param name="stop">Ends the work.</param>
    /// <returns>For every row a probability for every label of the schema.</returns>
    /// <exception cref="OptionsException">There are too few sentences for the folds.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static double[][] Probabilities(
        IReadOnlyList<RelationExample> rows, RelationSchema schema, int folds, long seed, IProgress<int>? progress, CancellationToken stop)
    {
        var probabilities = new double[rows.Count][];
        var parts = DataSplit.Cut([.. rows], new DataSplitOptions { Folds = folds, Seed = seed, Group = SplitGroup.Sentence });
        foreach (var (fold, pair) in parts.Chunk(2).Index())
        {
            using var model = TfidfModel.Train([.. pair[0].Rows.Select(row => rows[row])], schema, _ => { }, stop);
            var judged = model.Classify([.. pair[1].Rows.Select(row => rows[row])]);
            foreach (var (row, answer) in pair[1].Rows.Zip(judged))
            {
                probabilities[row] = [.. answer.Prediction!.Probabilities];
            }

            progress?.Report(fold + 1);
        }

        return probabilities;
    }
}
