using System.Text;
using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Cli;

/// <summary>The folder that <c>--report</c> names.</summary>
internal sealed class EvaluationFiles
{
    /// <summary>The file of predictions.</summary>
    public const string PredictionsFile = "predictions.jsonl";

    private const string ReportFile = "report.json";

    private readonly string _folder;

    private EvaluationFiles(string folder) => _folder = folder;

    /// <summary>Makes the folder, before the work begins whose result would be lost.</summary>
    /// <param name="folder">The folder; null when no report is wanted.</param>
    /// <exception cref="OptionsException">It cannot be made.</exception>
    public static EvaluationFiles? Of(string? folder)
    {
        if (folder is null)
        {
            return null;
        }

        try
        {
            Directory.CreateDirectory(folder);
            return new EvaluationFiles(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new OptionsException(new Problem("--report", "the folder cannot be made", "a folder", $"'{folder}' ({error.Message})"));
        }
    }

    /// <summary>Writes result and predictions.</summary>
    /// <param name="evaluation">The evaluation.</param>
    /// <param name="labels">What each probability of a prediction belongs to.</param>
    /// <exception cref="CheckpointException">A file cannot be written.</exception>
    public void Write(Evaluation evaluation, IReadOnlyList<string> labels)
    {
        var lines = new StringBuilder();
        foreach (var row in evaluation.Rows)
        {
            lines.Append(Line(row, labels)).Append('\n');
        }

        AtomicFile.WriteText(Path.Combine(_folder, PredictionsFile), lines.ToString());
        AtomicFile.WriteText(Path.Combine(_folder, ReportFile), evaluation.Result.ToJson() + "\n");
    }

    private static string Line(EvaluatedRow row, IReadOnlyList<string> labels) => new PredictionRow(
        row.Example with { Label = row.Gold },
        row.Predicted,
        row.Prediction?.Confidence,
        row.Prediction is null ? [] : [.. labels.Zip(row.Prediction.Probabilities, KeyValuePair.Create)]).ToJson();
}
