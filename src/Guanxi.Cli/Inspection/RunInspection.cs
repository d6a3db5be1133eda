using System.Globalization;
using System.Text.Json;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;
using Guanxi.Transformers.Training;

namespace Guanxi.Cli.Inspection;

/// <summary>What is to be known about the folder of a training run.</summary>
internal static class RunInspection
{
    private const string LogFile = "train_log.jsonl";
    private const string ArgumentsFile = "train_args.json";
    private const string ArtifactFile = "guanxi.json";
    private const int CurvePoints = 60;

    /// <summary>Whether a folder is that of a run.</summary>
    public static bool IsRun(string path) => File.Exists(Path.Combine(path, LogFile));

    /// <summary>Looks at a folder.</summary>
    /// <exception cref="CheckpointException">Log or arguments cannot be read.</exception>
    public static IEnumerable<Fact> Of(string path)
    {
        var log = RunLog.Read(Path.Combine(path, LogFile));
        var checkpoints = TrainingCheckpoint.List(path).Reverse().ToArray();
        var isFinished = File.Exists(Path.Combine(path, ArtifactFile));
        yield return new Fact("run", State(log, isFinished), "finished", json => json.Value(isFinished));
        yield return new Fact(null, string.Empty, "steps", json => json.Value(log.Losses.Count == 0 ? 0 : log.Losses[^1].Step));
        yield return new Fact("loss", Curve(log.Losses), "curve", json => json.List(
            Points(log.Losses), point => json.StartObject().Name("step").Value(point.Step).Name("loss").Value(point.Value).EndObject()));
        yield return Best(log);
        yield return new Fact("checkpoints", checkpoints.Length == 0 ? "none" : string.Join(", ", checkpoints.Select(item => item.Step)), "checkpoints", json =>
            json.List(checkpoints.Select(item => item.Step)));
        yield return Resume(path, isFinished);
        yield return Configuration(Path.Combine(path, ArgumentsFile));
    }

    private static string State(RunLog log, bool isFinished)
    {
        var done = log.Losses.Count == 0 ? "no step done" : string.Create(
            CultureInfo.InvariantCulture, $"{log.Losses[^1].Step} steps, last loss {log.Losses[^1].Value:0.0000}, {Durations.Show(TimeSpan.FromSeconds(log.Seconds))}");
        return (isFinished ? "finished: " : "not finished: ") + done;
    }

    private static string Curve(IReadOnlyList<LogPoint> losses)
    {
        var points = Points(losses);
        return points.Length == 0 ? "-" : string.Create(
            CultureInfo.InvariantCulture, $"{Sparkline.Of([.. points.Select(point => point.Value)])}  {points[0].Value:0.000} to {points[^1].Value:0.000}");
    }

    /// <summary>The means of at most sixty equal stretches of the run.</summary>
    private static LogPoint[] Points(IReadOnlyList<LogPoint> losses)
    {
        var size = Math.Max(1, (losses.Count + CurvePoints - 1) / CurvePoints);
        return [.. losses.Chunk(size).Select(part => new LogPoint(part[^1].Step, part.Average(point => point.Value)))];
    }

    private static Fact Best(RunLog log)
    {
        if (log.Best() is not var (metric, point))
        {
            return new Fact(null, string.Empty, "best_step", json => json.Value((string?)null));
        }

        var text = string.Create(CultureInfo.InvariantCulture, $"{point.Step}, {metric} {point.Value:0.0000}");
        return new Fact("best step", text, "best_step", json => json.StartObject()
            .Name("step").Value(point.Step)
            .Name("metric").Value(metric)
            .Name("value").Value(point.Value)
            .EndObject());
    }

    private static Fact Resume(string path, bool isFinished)
    {
        var command = isFinished ? null
            : "./guanxi train " + ShellWords.Join(["--train_args_file", Path.Combine(path, ArgumentsFile), "--resume_from_checkpoint", "true"]);
        return Fact.Of("go on with", "resume", command);
    }

    private static Fact Configuration(string file)
    {
        if (!File.Exists(file))
        {
            return new Fact(null, string.Empty, "configuration", json => json.Value((string?)null));
        }

        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(file));
            var root = document.RootElement.Clone();
            var lines = root.EnumerateObject().Select(item => $"{item.Name} {(item.Value.ValueKind == JsonValueKind.String ? item.Value.GetString() : item.Value.GetRawText())}");
            return new Fact("configuration", string.Join('\n', lines), "configuration", json => Copy(json, root));
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            throw new CheckpointException(new Problem(file, "the arguments of the run cannot be read", Found: error.Message.TrimEnd('.')), error);
        }
    }

    private static void Copy(JsonLineWriter json, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                json.StartObject();
                foreach (var item in value.EnumerateObject())
                {
                    Copy(json.Name(item.Name), item.Value);
                }

                json.EndObject();
                break;
            case JsonValueKind.Array:
                json.List(value.EnumerateArray(), item => Copy(json, item));
                break;
            case JsonValueKind.Number:
                json.Value(value.GetDouble());
                break;
            case JsonValueKind.True or JsonValueKind.False:
                json.Value(value.GetBoolean());
                break;
            default:
                json.Value(value.GetString());
                break;
        }
    }
}
