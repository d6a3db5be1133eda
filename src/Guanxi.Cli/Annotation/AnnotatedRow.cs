using Guanxi.Relations;

namespace Guanxi.Cli.Annotation;

/// <summary>What an annotator has said of a row.</summary>
/// <param name="Label">The relation; null while there is none.</param>
/// <param name="IsSkipped">Whether the row was put aside.</param>
/// <param name="Note">A remark; empty for none.</param>
internal sealed record Mark(string? Label, bool IsSkipped, string Note);

/// <summary>What a model says of a row.</summary>
/// <param name="Label">Its label; null when it could not say.</param>
/// <param name="Probabilities">Probability of each label, as a JSON object; the reason in a JSON text where there is no label.</param>
internal sealed record Suggestion(string? Label, string Probabilities);

/// <summary>A row with everything that is known of it.</summary>
/// <param name="Number">Its number in the data, from 1.</param>
/// <param name="Example">The row; its label is the one of the data.</param>
/// <param name="Mark">What the annotator has said.</param>
/// <param name="Revision">How often that has changed.</param>
/// <param name="Suggestion">What the model says; null while it has not been asked.</param>
internal sealed record AnnotatedRow(int Number, RelationExample Example, Mark Mark, long Revision, Suggestion? Suggestion);

/// <summary>How far the work is.</summary>
/// <param name="Rows">Rows in all.</param>
/// <param name="Labelled">Rows with a label that were not put aside.</param>
/// <param name="Skipped">Rows put aside.</param>
/// <param name="Suggested">Rows of which the model was asked.</param>
/// <param name="Disagreeing">Rows whose label is not the model's.</param>
internal sealed record Progress(int Rows, int Labelled, int Skipped, int Suggested, int Disagreeing);

/// <summary>Which rows an annotator goes through.</summary>
internal enum RowFilter
{
    /// <summary>Every row.</summary>
    All,

    /// <summary>Rows that have no label and were not put aside.</summary>
    Unlabelled,

    /// <summary>Rows whose label is not the model's.</summary>
    Disagreeing,

    /// <summary>Rows that were put aside.</summary>
    Skipped,
}

/// <summary>The row was changed elsewhere since it was last seen; nothing was written.</summary>
internal sealed class MarkConflictException(int number) : Exception($"row {number} was changed elsewhere")
{
    /// <summary>The row.</summary>
    public int Number => number;
}
