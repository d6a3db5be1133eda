using System.Text.Json;
using Guanxi.Relations.Training;
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
    // The figures by which runs are compared, the first that an evaluation gave.
    private static readonly string[] s_metrics = [RunMetrics.WeightedF1, RunMetrics.Accuracy, RunMetrics.Loss];

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
    /// <param name="metric">The metric that the run chose by; null for the usual one.</param>
    /// <param name="isGreaterBetter">Whether its highest value is the best; null for what is usual of it.</param>
    public (string Metric, LogPoint Point)? Best(string? metric, bool? isGreaterBetter)
    {
        string[] metrics = metric is null ? s_metrics : [RunMetrics.Plain(metric), .. s_metrics];
        if (metrics.FirstOrDefault(name => Evaluations.ContainsKey(RunMetrics.LogPrefix + name)) is not { } best)
        {
            return null;
        }

        var points = Evaluations[RunMetrics.LogPrefix + best];
        var isHighest = isGreaterBetter ?? best != RunMetrics.Loss;
        return (RunMetrics.LogPrefix + best, isHighest ? points.MaxBy(point => point.Value) : points.MinBy(point => point.Value));
    }

    private static double Take(JsonElement line, List<LogPoint> losses, Dictionary<string, List<LogPoint>> evaluations)
    {
        var step = line.GetProperty("step").GetInt64();
        foreach (var item in line.EnumerateObject().Where(item => item.Value.ValueKind == JsonValueKind.Number))
        {
            if (item.Name == RunMetrics.Loss)
            {
                losses.Add(new LogPoint(step, item.Value.GetDouble()));
            }
            else if (item.Name.StartsWith(RunMetrics.LogPrefix, StringComparison.Ordinal))
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
