using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>True and predicted labels of the same rows.</summary>
/// <param name="Gold">True labels.</param>
/// <param name="Predicted">Predicted labels, as many.</param>
public sealed record PredictionSet(IReadOnlyList<string> Gold, IReadOnlyList<string> Predicted);

/// <summary>Reads predictions that any system made. Labels are compared as they are written, without aliases.</summary>
/// <remarks>
/// JSONL: <c>prediction</c> with <c>gold</c> or <c>label</c>; or, as <see cref="PredictionRow"/> writes it, <c>label</c> with <c>gold</c>.
/// Else every line is a predicted label (a blank line is an empty one), and the gold comes from a data file with as many rows.
/// </remarks>
public static class PredictionFile
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">Predictions, UTF-8.</param>
    /// <param name="dataPath">Data with the true labels, in the same order; null when the predictions carry them.</param>
    /// <returns>Both labels of every row.</returns>
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
            throw new OptionsException(broken);
        }

        if (lines.All(line => line.Text.Length == 0))
        {
            throw new OptionsException(new Problem(path, "there is no prediction"));
        }

        var isJson = lines.First(line => !string.IsNullOrWhiteSpace(line.Text)).Text.TrimStart().StartsWith('{');
        var rows = isJson ? FromJson(path, lines) : [.. lines.Select(line => new Row(null, line.Text.Trim(), default))];
        var gold = dataPath is null ? null : GoldOf(dataPath, path, rows.Count);
        return new PredictionSet(gold ?? OwnGold(path, rows), [.. rows.Select(row => row.Predicted)]);
    }

    private static List<Row> FromJson(string path, TextLine[] lines)
    {
        var rows = new List<Row>();
        var problems = new List<Problem>();
        foreach (var line in lines.Where(line => !string.IsNullOrWhiteSpace(line.Text)))
        {
            var read = JsonRow.Read(line, new SourcePlace(path, line.Number, rows.Count + 1), ReadOne);
            problems.AddRange(read.Problems.Select(problem => problem.ToProblem()));
            rows.Add(read.Example as Row ?? new Row(null, "", read.Place));
        }

        return problems.Count > 0 ? throw new OptionsException(problems) : rows;
    }

    private static ReadRow ReadOne(JsonRow row)
    {
        var (prediction, gold, label) = (row.Text("prediction"), row.Text("gold"), row.Text(RelationInput.LabelField));
        if (prediction is null && row.Problems.Count == 0 && (label is null || gold is null))
        {
            row.Fault(DataRules.LabelMissing, "prediction", "the row has no prediction",
                "prediction with gold or label; or label with gold");
        }

        return row.Finish(new Row(prediction is null ? gold : gold ?? label, prediction ?? label ?? "", row.Place));
    }

    private static List<string> OwnGold(string path, IReadOnlyList<Row> rows)
    {
        var missing = rows.Select((row, index) => (row.Gold, index)).Where(row => row.Gold is null).Select(row => row.index + 1).ToArray();
        return missing.Length == 0 ? [.. rows.Select(row => row.Gold!)] : throw new OptionsException(new Problem(
            path, $"{missing.Length} of {rows.Count} rows have no true label, the first is row {missing[0]}", null, null,
            "Name the data with --data."));
    }

    private static List<string> GoldOf(string dataPath, string path, int rows)
    {
        var data = DatasetReader.Read(dataPath, new DatasetReadOptions());
        if (data.Kind != DatasetKind.Relations || data.Examples.Count != rows)
        {
            throw new OptionsException(new Problem(path, $"the predictions do not fit the rows of {dataPath}",
                data.Kind == DatasetKind.Relations ? $"{data.Examples.Count} rows" : "rows with labels", $"{rows} rows"));
        }

        return [.. data.Relations.Select(row => row.Label!)];
    }

    private sealed record Row(string? Gold, string Predicted, SourcePlace Place) : IExample;
}
