using System.Globalization;
using System.Text.Json;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Training;
using Guanxi.Transformers;
using Guanxi.Transformers.Training;

namespace Guanxi.Cli.Inspection;

/// <summary>What is to be known about the folder of a training run.</summary>
internal static class RunInspection
{
    private const int CurvePoints = 60;

    /// <summary>Whether a folder is that of a run.</summary>
    public static bool IsRun(string path) => File.Exists(Path.Combine(path, TrainingArtifact.LogFile));

    /// <summary>Looks at a folder.</summary>
    /// <exception cref="CheckpointException">Log or arguments cannot be read.</exception>
    public static IEnumerable<Fact> Of(string path)
    {
        var log = RunLog.Read(Path.Combine(path, TrainingArtifact.LogFile));
        var arguments = Arguments(Path.Combine(path, TrainingArtifact.ArgumentsFile));
        var checkpoints = TrainingCheckpoint.List(path).Reverse().ToArray();
        var isFinished = File.Exists(Path.Combine(path, ArtifactInfo.FileName));
        yield return new Fact("run", State(log, isFinished), "finished", json => json.Value(isFinished));
        yield return new Fact(null, string.Empty, "steps", json => json.Value(log.Losses.Count == 0 ? 0 : log.Losses[^1].Step));
        yield return new Fact("loss", Curve(log.Losses), "curve", json => json.List(
            Points(log.Losses), point => json.StartObject().Name("step").Value(point.Step).Name("loss").Value(point.Value).EndObject()));
        yield return Best(log, arguments);
        yield return new Fact("checkpoints", checkpoints.Length == 0 ? "none" : string.Join(", ", checkpoints.Select(item => item.Step)), "checkpoints", json =>
            json.List(checkpoints.Select(item => item.Step)));
        yield return Resume(path, isFinished);
        yield return Configuration(arguments);
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

    private static Fact Best(RunLog log, JsonElement? arguments)
    {
        var chosen = Argument(arguments, "metric_for_best_model") is { ValueKind: JsonValueKind.String } name ? name.GetString() : null;
        bool? isGreater = Argument(arguments, "greater_is_better") is { ValueKind: JsonValueKind.True or JsonValueKind.False } flag ? flag.GetBoolean() : null;
        if (log.Best(chosen, isGreater) is not var (metric, point))
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
            : "./guanxi train " + ShellWords.Join(["--train_args_file", Path.Combine(path, TrainingArtifact.ArgumentsFile), "--resume_from_checkpoint", "true"]);
        return Fact.Of("go on with", "resume", command);
    }

    private static Fact Configuration(JsonElement? arguments)
    {
        if (arguments is not { } root)
        {
            return new Fact(null, string.Empty, "configuration", json => json.Value((string?)null));
        }

        var lines = root.EnumerateObject().Select(item =>
            $"{item.Name} {(item.Value.ValueKind == JsonValueKind.String ? item.Value.GetString() : item.Value.GetRawText())}");
        return new Fact("configuration", string.Join('\n', lines), "configuration", json => Copy(json, root));
    }

    private static JsonElement? Argument(JsonElement? arguments, string name) =>
        arguments is { } root && root.TryGetProperty(name, out var value) ? value : null;

    /// <summary>The arguments of the run; null where it left none.</summary>
    private static JsonElement? Arguments(string file)
    {
        if (!File.Exists(file))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(file));
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.Clone()
                : throw new JsonException("no object");
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
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
