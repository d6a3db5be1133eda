namespace Guanxi.Relations.Metrics;

/// <summary>Everything that <c>evaluate</c> reports.</summary>
/// <param name="Report">Scores.</param>
/// <param name="Interval">How sure the main score is.</param>
/// <param name="InvalidAnswers">Answers that are none of the labels.</param>
/// <param name="Calibration">Whether probabilities mean what they say; null without probabilities.</param>
/// <param name="Elapsed">Time the predictions took; null when they were made elsewhere.</param>
public sealed record EvaluationResult(
    ClassificationReport Report, Interval Interval, int InvalidAnswers, Calibration? Calibration, TimeSpan? Elapsed)
{
    /// <summary>Scores on parts of the rows; empty where nothing is known of the rows but their labels.</summary>
    public IReadOnlyList<Slice> Slices { get; init; } = [];

    /// <summary>Wrong answers with the highest confidence, highest first; empty without confidences.</summary>
    public IReadOnlyList<ConfidentError> ConfidentErrors { get; init; } = [];

    /// <summary>Rows that are right.</summary>
    public int RightRows => (int)Math.Round(Report.Accuracy * Report.Support);

    /// <summary>How sure the accuracy is.</summary>
    public Interval AccuracyInterval => Wilson.Of(RightRows, Report.Support, Bootstrap.UsualLevel, "accuracy");

    /// <summary>Rows answered a second; null when the time is not known.</summary>
    public double? RowsPerSecond => Elapsed is { TotalSeconds: > 0 } time ? Report.Support / time.TotalSeconds : null;

    /// <summary>The result as one line of JSON.</summary>
    /// <returns>The object that <c>evaluate --json</c> gives; what is not known is null.</returns>
    public string ToJson() => EvaluationJson.Write(this);
}
