using System.Text.Json;
using Guanxi.Relations.Training;
using Guanxi.Transformers;

namespace Guanxi.Relations.Comparison;

/// <summary>A comparison that trains its systems: what all have in common, and what each changes.</summary>
/// <remarks>
/// A JSON object: <c>test_file</c>; <c>output_dir</c>; <c>seeds</c>; <c>train</c>, keys of <c>train</c> for all; and <c>systems</c>, a list of
/// objects with <c>name</c> and <c>train</c>, the keys that are its own. Every system is trained once a seed. A system may have <c>published</c>, the weighted F1 that
/// somebody published for it, and <c>optional</c>: it is left out where its model is not there.
/// </remarks>
public sealed record ComparisonConfig
{
    private const int MaxFileBytes = 1 << 20;
    private const string ModelKey = "model_name_or_path";

    /// <summary>Labelled rows that all systems answer; no system sees them in training.</summary>
    public required string TestFile { get; init; }

    /// <summary>Folder of all runs.</summary>
    public required string OutputDir { get; init; }

    /// <summary>The runs, system by system.</summary>
    public required IReadOnlyList<ComparedRun> Runs { get; init; }

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="testFile">Test rows instead of the file's, or null.</param>
    /// <param name="notes">Told of keys that change nothing.</param>
    /// <returns>The comparison.</returns>
    /// <exception cref="OptionsException">The file is no comparison, or keys of it are wrong; all problems are listed.</exception>
    public static ComparisonConfig Read(string path, string? testFile, Action<string> notes)
    {
        try
        {
            var bytes = new FileInfo(path).Length > MaxFileBytes ? throw new JsonException("too large for a comparison") : File.ReadAllBytes(path);
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            return Parse(document.RootElement, path, testFile, notes);
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new OptionsException(new Problem(
                path, $"cannot be read as a comparison: {error.Message.TrimEnd('.')}", "a JSON object with output_dir, test_file, seeds, train and systems"));
        }
    }

    private static ComparisonConfig Parse(JsonElement root, string path, string? testFile, Action<string> notes)
    {
        var output = root.GetProperty("output_dir").GetString()!;
        int[] seeds = [.. root.GetProperty("seeds").EnumerateArray().Select(seed => seed.GetInt32())];
        var common = Keys(root.GetProperty("train"));
        var runs = new List<ComparedRun>();
        var problems = new List<Problem>();
        foreach (var system in root.GetProperty("systems").EnumerateArray())
        {
            var (name, own) = (system.GetProperty("name").GetString()!, Keys(system.GetProperty("train")));
            foreach (var seed in seeds)
            {
                var folder = Path.Combine(output, $"{name}-seed{seed}");
                try
                {
                    var arguments = TrainArgumentsReader.Read(
                        null, [.. common, .. own, new("seed", $"{seed}"), new("output_dir", folder), new("resume_from_checkpoint", "true")], notes);
                    runs.Add(new ComparedRun(name, arguments, system.TryGetProperty("published", out var published) ? published.GetDouble() : null));
                }
                catch (OptionsException error) when (IsOptional(system) && error.Problems.All(problem => problem.Where == ModelKey))
                {
                    notes($"{name} is left out: {error.Problems[0]}");
                    break;
                }
                catch (OptionsException error)
                {
                    problems.AddRange(error.Problems.Select(problem => problem with { Where = $"{path}, {name}: {problem.Where}" }));
                    break;
                }
            }
        }

        return problems.Count > 0
            ? throw new OptionsException(problems)
            : new ComparisonConfig { TestFile = testFile ?? root.GetProperty("test_file").GetString()!, OutputDir = output, Runs = runs };
    }

    private static bool IsOptional(JsonElement system) => system.TryGetProperty("optional", out var optional) && optional.GetBoolean();

    private static List<KeyValuePair<string, string>> Keys(JsonElement keys) => [.. keys.EnumerateObject().Select(key => KeyValuePair.Create(
        key.Name, key.Value.ValueKind == JsonValueKind.Array ? string.Join(',', key.Value.EnumerateArray().Select(item => item.ToString())) : key.Value.ToString()))];
}

/// <summary>One training run of a comparison.</summary>
/// <param name="System">Name of the system it belongs to.</param>
/// <param name="Arguments">Its arguments; a run that is finished is not run again.</param>
/// <param name="Published">Weighted F1 that somebody published for the system; null when there is none.</param>
public sealed record ComparedRun(string System, TrainArguments Arguments, double? Published);
