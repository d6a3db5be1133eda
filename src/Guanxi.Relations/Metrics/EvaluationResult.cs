using Guanxi.Relations.Formats;

namespace Guanxi.Relations.Metrics;

/// <summary>Everything that <c>evaluate</c> reports.</summary>
/// <param name="Report">Scores.</param>
/// <param name="Interval">How sure the main score is.</param>
/// <param name="InvalidAnswers">Answers that are none of the labels.</param>
/// <param name="ExpectedCalibrationError">ECE; null without probabilities.</param>
/// <param name="LogLoss">Log loss; null without probabilities.</param>
/// <param name="Elapsed">Time the predictions took; null when they were made elsewhere.</param>
public sealed record EvaluationResult(
    ClassificationReport Report, Interval Interval, int InvalidAnswers, double? ExpectedCalibrationError, double? LogLoss,
    TimeSpan? Elapsed)
{
    /// <summary>The result as one line of JSON.</summary>
    /// <returns>The object that <c>evaluate --json</c> gives; what is not known is null.</returns>
    public string ToJson()
    {
        var json = new JsonLineWriter().StartObject().Name("accuracy").Value(Report.Accuracy);
        json.Name("macro").StartObject();
        WriteScores(json, Report.Macro).EndObject();
        json.Name("weighted").StartObject();
        WriteScores(json, Report.Weighted).EndObject();
        json.Name("support").Value(Report.Support);
        WriteLabels(json);
        WriteConfusion(json);
        Interval.Write(json.Name("interval"));
        json.Name("kappa").Value(Report.Kappa);
        json.Name("invalid_answers").Value(InvalidAnswers);
        json.Name("ece").Value(ExpectedCalibrationError);
        json.Name("log_loss").Value(LogLoss);
        json.Name("seconds").Value(Elapsed?.TotalSeconds);
        json.Name("rows_per_second").Value(Elapsed is { TotalSeconds: > 0 } time ? Report.Support / time.TotalSeconds : null);
        return json.EndObject().ToString();
    }

    private static JsonLineWriter WriteScores(JsonLineWriter json, Scores scores) =>
        json.Name("precision").Value(scores.Precision).Name("recall").Value(scores.Recall).Name("f1").Value(scores.F1);

    private void WriteLabels(JsonLineWriter json)
    {
        json.Name("per_label").StartObject();
        foreach (var row in Report.PerLabel)
        {
            json.Name(row.Label).StartObject();
            WriteScores(json, row.Scores).Name("support").Value(row.Support).EndObject();
        }

        json.EndObject();
    }

    private void WriteConfusion(JsonLineWriter json)
    {
        json.Name("confusion").StartObject().Name("labels").StartArray();
        foreach (var label in Report.Labels)
        {
            json.Value(label);
        }

        json.EndArray().Name("matrix").StartArray();
        foreach (var row in Report.Confusion)
        {
            json.StartArray();
            foreach (var count in row)
            {
                json.Value(count);
            }

            json.EndArray();
        }

        json.EndArray().EndObject();
    }
}
