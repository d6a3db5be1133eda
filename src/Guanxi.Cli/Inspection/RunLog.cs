using System.Text.Json;
using Guanxi.Transformers;

namespace Guanxi.Cli.Inspection;

/// <summary>A figure after a step.</summary>
/// <param name="Step">The step.</param>
/// <param name="Value">The figure.</param>
internal readonly record struct LogPoint(long Step, double Value);

/// <summary>What the log of a run says.</summary>
/// <param name="Losses">Training loss of every step.</param>
/// <param name="Seconds">Time of all steps.</param>
/// <param name="Evaluations">Figures of the evaluations, by name.</param>
internal sealed record RunLog(IReadOnlyList<LogPoint> Losses, double Seconds, IReadOnlyDictionary<string, List<LogPoint>> Evaluations)
{
    private const string EvaluationPrefix = "eval_";
    private const string LossName = "eval_loss";

    // The figure by which runs are compared, where the evaluation gave it.
    private static readonly string[] s_scores = ["eval_weighted_f1", "eval_accuracy"];

    /// <summary>Reads a log; a last line that is half written is left out.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, or a line before the last is damaged.</exception>
    public static RunLog Read(string path)
    {
        var lines = Lines(path);
        var (losses, evaluations, seconds) = (new List<LogPoint>(), new Dictionary<string, List<LogPoint>>(), 0.0);
        for (var i = 0; i < lines.Length; i++)
        {
            try
            {
                using var document = JsonDocument.Parse(lines[i]);
                seconds += Take(document.RootElement, losses, evaluations);
            }
            catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
            {
                // The ways in which System.Text.Json says that a line is no such object.
                if (i < lines.Length - 1)
                {
                    throw new CheckpointException(new Problem($"{path}, line {i + 1}", "this is no line of a training log", "{\"step\": ...}"), error);
                }
            }
        }

        return new RunLog(losses, seconds, evaluations);
    }

    /// <summary>The best step: by evaluation where there was one, the highest score or the lowest loss; null without.</summary>
    public (string Metric, LogPoint Point)? Best()
    {
        foreach (var score in s_scores)
        {
            if (Evaluations.TryGetValue(score, out var points))
            {
                return (score, points.MaxBy(point => point.Value));
            }
        }

        return Evaluations.TryGetValue(LossName, out var losses) ? (LossName, losses.MinBy(point => point.Value)) : null;
    }

    private static double Take(JsonElement line, List<LogPoint> losses, Dictionary<string, List<LogPoint>> evaluations)
    {
        var step = line.GetProperty("step").GetInt64();
        foreach (var item in line.EnumerateObject().Where(item => item.Value.ValueKind == JsonValueKind.Number))
        {
            if (item.Name == "loss")
            {
                losses.Add(new LogPoint(step, item.Value.GetDouble()));
            }
            else if (item.Name.StartsWith(EvaluationPrefix, StringComparison.Ordinal))
            {
                evaluations.TryAdd(item.Name, []);
                evaluations[item.Name].Add(new LogPoint(step, item.Value.GetDouble()));
            }
        }

        return line.TryGetProperty("seconds", out var seconds) && seconds.ValueKind == JsonValueKind.Number ? seconds.GetDouble() : 0;
    }

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(new Problem(path, "the training log cannot be read", Found: error.Message), error);
        }
    }
}
