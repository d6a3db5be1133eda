using System.Diagnostics.CodeAnalysis;
using Guanxi.Transformers;

namespace Guanxi.Relations;

/// <summary>The relation that a classifier sees.</summary>
/// <param name="Label">The most probable label, in the schema's spelling; of equals the first.</param>
/// <param name="Confidence">Its probability.</param>
/// <param name="Probabilities">Probability of every label in the schema's order; they sum to 1.</param>
public sealed record RelationPrediction(string Label, double Confidence, IReadOnlyList<double> Probabilities)
{
    /// <summary>Tokens that were computed for this row; what all rows share is not counted.</summary>
    /// <value>0: the model has no tokens.</value>
    public int TokenCount { get; init; }

    /// <summary>Whether the model saw only a part of the text, because all of it was too long.</summary>
    /// <value>False.</value>
    public bool IsTruncated { get; init; }

    /// <summary>How far the best label is before the second, as a difference of probabilities.</summary>
    public double Lead => Probabilities.Count < 2 ? 1 : Confidence - Probabilities.OrderDescending().ElementAt(1);

    /// <summary>Makes a prediction of probabilities.</summary>
    /// <param name="schema">The labels.</param>
    /// <param name="probabilities">One for each label.</param>
    /// <returns>The prediction.</returns>
    public static RelationPrediction Of(RelationSchema schema, IReadOnlyList<double> probabilities)
    {
        var best = 0;
        for (var label = 1; label < probabilities.Count; label++)
        {
            best = probabilities[label] > probabilities[best] ? label : best;
        }

        return new RelationPrediction(schema.Labels[best], probabilities[best], probabilities);
    }
}

/// <summary>What became of one row: a prediction, or the reason why there is none.</summary>
public sealed record ClassifiedRow
{
    private ClassifiedRow(RelationPrediction? prediction, Problem? problem) => (Prediction, Problem) = (prediction, problem);

    /// <summary>The prediction; null when the row cannot be classified.</summary>
    public RelationPrediction? Prediction { get; }

    /// <summary>Why the row cannot be classified; null when it was.</summary>
    public Problem? Problem { get; }

    /// <summary>Whether there is a prediction.</summary>
    [MemberNotNullWhen(true, nameof(Prediction))]
    [MemberNotNullWhen(false, nameof(Problem))]
    public bool IsClassified => Prediction is not null;

    /// <summary>A row that was classified.</summary>
    /// <param name="prediction">The prediction.</param>
    /// <returns>The outcome.</returns>
    public static ClassifiedRow Of(RelationPrediction prediction) => new(prediction, null);

    /// <summary>A row that cannot be classified.</summary>
    /// <param name="problem">Why.</param>
    /// <returns>The outcome.</returns>
    public static ClassifiedRow Failed(Problem problem) => new(null, problem);
}

/// <summary>Anything that gives the relation between two people, with probabilities.</summary>
public interface IRelationClassifier : IDisposable
{
    /// <summary>The labels it chooses from.</summary>
    RelationSchema Schema { get; }

    /// <summary>Classifies rows; what a row gets does not depend on the rows beside it. Safe to call from several threads.</summary>
    /// <param name="examples">The rows; their labels are not looked at.</param>
    /// <returns>One outcome a row, in their order: a row that cannot be classified does not disturb the others.</returns>
    IReadOnlyList<ClassifiedRow> Classify(IReadOnlyList<RelationExample> examples);
}
