using Guanxi.Relations.Formats;

namespace Guanxi.Relations.Metrics;

/// <summary>Writes an evaluation as one line of JSON.</summary>
internal static class EvaluationJson
{
    public static string Write(EvaluationResult result)
    {
        var report = result.Report;
        var json = new JsonLineWriter().StartObject().Name("accuracy").Value(report.Accuracy);
        WriteScores(json.Name("macro").StartObject(), report.Macro).EndObject();
        WriteScores(json.Name("micro").StartObject(), report.Micro).EndObject();
        WriteScores(json.Name("weighted").StartObject(), report.Weighted).EndObject();
        json.Name("support").Value(report.Support);
        WriteLabels(json, report);
        json.Name("confusion").StartObject().Name("labels").List(report.Labels).Name("matrix")
            .List(report.Confusion, row => json.List(row)).EndObject();
        result.Interval.Write(json.Name("interval"));
        result.AccuracyInterval.Write(json.Name("accuracy_interval"));
        json.Name("kappa").Value(report.Kappa);
        json.Name("invalid_answers").Value(result.InvalidAnswers);
        WriteCalibration(json, result.Calibration);
        json.Name("slices").List(result.Slices, slice => WriteSlice(json, slice));
        json.Name("confident_errors").List(result.ConfidentErrors, error => WriteError(json, error));
        json.Name("seconds").Value(result.Elapsed?.TotalSeconds);
        json.Name("rows_per_second").Value(result.RowsPerSecond);
        return json.EndObject().ToString();
    }

    private static JsonLineWriter WriteScores(JsonLineWriter json, Scores scores) =>
        json.Name("precision").Value(scores.Precision).Name("recall").Value(scores.Recall).Name("f1").Value(scores.F1);

    private static void WriteLabels(JsonLineWriter json, ClassificationReport report)
    {
        json.Name("per_label").StartObject();
        foreach (var row in report.PerLabel)
        {
            json.Name(row.Label).StartObject();
            WriteScores(json, row.Scores).Name("support").Value(row.Support).EndObject();
        }

        json.EndObject();
    }

    private static void WriteCalibration(JsonLineWriter json, Calibration? calibration)
    {
        json.Name("ece").Value(calibration?.ExpectedError);
        json.Name("mce").Value(calibration?.MaximumError);
        json.Name("brier").Value(calibration?.Brier);
        json.Name("log_loss").Value(calibration?.LogLoss);
        json.Name("reliability_bins").List(calibration?.Bins ?? [], bin => json.StartObject()
            .Name("low").Value((double)bin.Index / Calibration.BinCount)
            .Name("high").Value((bin.Index + 1.0) / Calibration.BinCount)
            .Name("rows").Value(bin.Count)
            .Name("accuracy").Value(bin.Accuracy)
            .Name("confidence").Value(bin.Confidence)
            .EndObject());
    }

    private static void WriteSlice(JsonLineWriter json, Slice slice)
    {
        json.StartObject()
            .Name("by").Value(slice.By)
            .Name("name").Value(slice.Name)
            .Name("rows").Value(slice.Rows)
            .Name("weighted_f1").Value(slice.WeightedF1)
            .Name("accuracy").Value(slice.Accuracy)
            .Name("accuracy_interval");
        slice.AccuracyInterval.Write(json).EndObject();
    }

    private static void WriteError(JsonLineWriter json, ConfidentError error) => json.StartObject()
        .Name("row").Value(error.Example.Place.Row)
        .Name("text").Value(error.Example.Text)
        .Name("people1").Value(error.Example.Person1)
        .Name("people2").Value(error.Example.Person2)
        .Name("gold").Value(error.Gold)
        .Name("prediction").Value(error.Predicted)
        .Name("confidence").Value(error.Confidence)
        .Name("gold_probability").Value(error.GoldProbability)
        .EndObject();
}
