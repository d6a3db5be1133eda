using System.Text;
using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Reporting;
using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Cli;

/// <summary>The folder that <c>--report</c> names.</summary>
internal sealed class ReportFolder
{
    /// <summary>The file of predictions.</summary>
    public const string PredictionsFile = "predictions.jsonl";

    /// <summary>The page.</summary>
    public const string PageFile = "report.html";

    /// <summary>The machine form.</summary>
    public const string JsonFile = "report.json";

    private const string ConfusionFile = "confusion.svg";

    private readonly string _folder;

    private ReportFolder(string folder) => _folder = folder;

    /// <summary>Makes the folder, before the work begins whose result would be lost.</summary>
    /// <param name="folder">The folder; null when no report is wanted.</param>
    /// <exception cref="OptionsException">It cannot be made, or written in.</exception>
    public static ReportFolder? Of(string? folder)
    {
        if (folder is null)
        {
            return null;
        }

        return OutputPath.CannotWriteIn(folder) is { } reason
            ? throw new OptionsException(new Problem("--report", "nothing can be written in the folder", "a folder", $"'{folder}' ({reason})"))
            : new ReportFolder(folder);
    }

    /// <summary>Writes an evaluation: predictions, result, page and confusion.</summary>
    /// <param name="evaluation">The evaluation.</param>
    /// <param name="context">What was evaluated.</param>
    /// <exception cref="CheckpointException">A file cannot be written.</exception>
    public void Write(Evaluation evaluation, ReportContext context)
    {
        var lines = new StringBuilder();
        foreach (var row in evaluation.Rows)
        {
            lines.Append(Line(row, evaluation.Labels)).Append('\n');
        }

        Write(PredictionsFile, lines.ToString());
        Write(JsonFile, evaluation.Result.ToJson() + "\n");
        Write(ConfusionFile, EvaluationReport.ConfusionSvg(evaluation.Result.Report));
        Write(PageFile, EvaluationReport.ToHtml(evaluation, context));
    }

    /// <summary>Writes a file.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="text">Its text.</param>
    /// <exception cref="CheckpointException">It cannot be written.</exception>
    public void Write(string name, string text) => AtomicFile.WriteText(Path.Combine(_folder, name), text);

    private static string Line(EvaluatedRow row, IReadOnlyList<string> labels) => new PredictionRow(
        row.Example with { Label = row.Gold },
        row.Predicted,
        row.Prediction?.Confidence,
        row.Prediction is null ? [] : [.. labels.Zip(row.Prediction.Probabilities, KeyValuePair.Create)]).ToJson();
}
