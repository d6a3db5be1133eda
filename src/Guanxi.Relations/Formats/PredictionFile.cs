using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>Predictions that were read.</summary>
/// <param name="Rows">The rows with truth and prediction, in the file's order.</param>
/// <param name="Labels">What each probability of a prediction belongs to; empty when the file gives none.</param>
public sealed record PredictionSet(IReadOnlyList<EvaluatedRow> Rows, IReadOnlyList<string> Labels)
{
    /// <summary>True labels.</summary>
    public IReadOnlyList<string> Gold => [.. Rows.Select(row => row.Gold)];

    /// <summary>Predicted labels, as many.</summary>
    public IReadOnlyList<string> Predicted => [.. Rows.Select(row => row.Predicted)];
}

/// <summary>Reads predictions that any system made. Labels are compared as they are written, without aliases.</summary>
/// <remarks>
/// JSONL: <c>prediction</c> with <c>gold</c> or <c>label</c>; or, as <see cref="PredictionRow"/> writes it, <c>label</c> with <c>gold</c>.
/// Sentence, people, <c>confidence</c> and <c>probabilities</c> (an object of labels) are taken where a row has them in that form.
/// Else every line is a predicted label (a blank line is an empty one), and the gold comes from a data file with as many rows.
/// </remarks>
public static class PredictionFile
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">Predictions, UTF-8.</param>
    /// <param name="dataPath">Data with the true labels, in the same order; null when the predictions carry them.</param>
    /// <returns>The rows.</returns>
    /// <exception cref="OptionsException">
    /// A file cannot be read, a row lacks a label, or the numbers of rows differ; all problems are listed.
    /// </exception>
    public static PredictionSet Read(string path, string? dataPath)
    {
        using var stream = TextFile.Open(path);
        var lines = new TextLines(stream, path).Read().ToArray();
        var broken = lines.Where(line => line.Problem is not null).Select(line => line.Problem!.ToProblem()).ToArray();
        if (broken.Length > 0)
        {
            throw new OptionsException(Problem.First(broken, path));
        }

        if (lines.All(line => line.Text.Length == 0))
        {
            throw new OptionsException(new Problem(path, "there is no prediction"));
        }

        var isJson = lines.First(line => !string.IsNullOrWhiteSpace(line.Text)).Text.TrimStart().StartsWith('{');
        var rows = isJson ? FromJson(path, lines) : [.. lines.Select((line, at) => Row.Bare(line.Text.Trim(), new SourcePlace(path, line.Number, at + 1)))];
        var data = dataPath is null ? null : DataOf(dataPath, path, rows.Count);
        var gold = data?.Select(row => row.Label!).ToList() ?? OwnGold(path, rows);
        string[] labels = [.. rows.SelectMany(row => row.Probabilities.Keys).Distinct(StringComparer.Ordinal)];
        return new PredictionSet([.. rows.Select((row, at) => row.Evaluated(gold[at], data?[at], labels))], labels);
    }

    private static List<Row> FromJson(string path, TextLine[] lines)
    {
        var rows = new List<Row>();
        var problems = new List<Problem>();
        foreach (var line in lines.Where(line => !string.IsNullOrWhiteSpace(line.Text)))
        {
            var read = JsonRow.Read(line, new SourcePlace(path, line.Number, rows.Count + 1), ReadOne);
            problems.AddRange(read.Problems.Select(problem => problem.ToProblem()));
            rows.Add(read.Example as Row ?? Row.Bare("", read.Place));
        }

        return problems.Count > 0 ? throw new OptionsException(Problem.First(problems, path)) : rows;
    }

    private static ReadRow ReadOne(JsonRow row)
    {
        var (prediction, gold, label) = (row.Text("prediction"), row.Text("gold"), row.Text(RelationInput.LabelField));
        if (prediction is null && row.Problems.Count == 0 && (label is null || gold is null))
        {
            row.Fault(DataRules.LabelMissing, "prediction", "the row has no prediction",
                "prediction with gold or label; or label with gold");
        }

        return row.Finish(new Row(
            prediction is null ? gold : gold ?? label, prediction ?? label ?? "", row.Place, PredictedFields.Example(row), PredictedFields.Confidence(row),
            PredictedFields.Probabilities(row)));
    }

    private static List<string> OwnGold(string path, IReadOnlyList<Row> rows)
    {
        var missing = rows.Select((row, index) => (row.Gold, index)).Where(row => row.Gold is null).Select(row => row.index + 1).ToArray();
        return missing.Length == 0 ? [.. rows.Select(row => row.Gold!)] : throw new OptionsException(new Problem(
            path, $"{missing.Length} of {rows.Count} rows have no true label, the first is row {missing[0]}", null, null,
            "Name the data with --data."));
    }

    private static IReadOnlyList<RelationExample> DataOf(string dataPath, string path, int rows)
    {
        var data = DatasetReader.Read(dataPath, new DatasetReadOptions());
        if (data.Kind != DatasetKind.Relations || data.Examples.Count != rows)
        {
            throw new OptionsException(new Problem(path, $"the predictions do not fit the rows of {dataPath}",
                data.Kind == DatasetKind.Relations ? $"{data.Examples.Count} rows" : "rows with labels", $"{rows} rows"));
        }

        return data.Relations;
    }

    private sealed record Row(
        string? Gold, string Predicted, SourcePlace Place, RelationExample? Example, double? Confidence, IReadOnlyDictionary<string, double> Probabilities) : IExample
    {
        public static Row Bare(string predicted, SourcePlace place) => new(null, predicted, place, null, null, new Dictionary<string, double>());

        public EvaluatedRow Evaluated(string gold, RelationExample? data, IReadOnlyList<string> labels)
        {
            var example = (data ?? Example ?? new RelationExample("", "", "", null, null, null, Place)) with { Label = gold };
            double[] probabilities = Probabilities.Count == 0 ? [] : [.. labels.Select(label => Probabilities.GetValueOrDefault(label))];
            var confidence = Confidence ?? (Probabilities.TryGetValue(Predicted, out var own) ? own : null);
            return new EvaluatedRow(example, gold, Predicted, confidence is { } sure ? new RelationPrediction(Predicted, sure, probabilities) : null, null);
        }
    }
}
