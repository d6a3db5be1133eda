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
    private const string ModelKey = "model_name_or_path";
    private const string TestKey = "test_file";
    private const string OutputKey = "output_dir";
    private const string SeedsKey = "seeds";
    private const string TrainKey = "train";
    private const string SystemsKey = "systems";
    private const string NameKey = "name";
    private const string PublishedKey = "published";
    private const string OptionalKey = "optional";

    /// <summary>Labelled rows that all systems answer; no system sees them in training.</summary>
    public required string TestFile { get; init; }

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
        ArgumentNullException.ThrowIfNull(notes);
        var problems = new List<Problem>();
        var root = new ObjectKeys(ConfigFile.Read(path, "a comparison", $"a JSON object with {OutputKey}, {TestKey}, {SeedsKey}, {TrainKey} and {SystemsKey}"), path, problems);
        root.Know(TestKey, OutputKey, SeedsKey, TrainKey, SystemsKey);
        var (output, test) = (root.Text(OutputKey, isRequired: true), testFile ?? root.Text(TestKey, isRequired: true));
        var (seeds, common, systems) = (SeedsOf(root), TrainKeysOf(root), root.Objects(SystemsKey));
        var runs = new List<ComparedRun>();
        var faults = new List<(Problem Problem, string System)>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var system in systems)
        {
            system.Know(NameKey, TrainKey, PublishedKey, OptionalKey);
            var (name, own, published, isOptional) = (system.Text(NameKey, isRequired: true), TrainKeysOf(system), PublishedOf(system), system.Flag(OptionalKey));
            if (name is null || output is null)
            {
                continue;
            }

            if (!names.Add(name))
            {
                problems.Add(new Problem($"{system.Where}, {NameKey}", "two systems have this name, and so one folder", Found: name));
                continue;
            }

            try
            {
                runs.AddRange(seeds.Select(seed => new ComparedRun(name, ArgumentsOf([.. common, .. own], seed, Path.Combine(output, name), notes), published)).ToArray());
            }
            catch (OptionsException error) when (isOptional && error.Problems.All(problem => problem.Where == ModelKey))
            {
                notes($"{name} is left out: {error.Problems[0]}");
            }
            catch (OptionsException error)
            {
                faults.AddRange(error.Problems.Select(problem => (problem, name)));
            }
        }

        // What all have in common is wrong for all: that is one problem.
        problems.AddRange(faults.GroupBy(fault => fault.Problem, fault => fault.System)
            .Select(fault => fault.Key with { Where = $"{path}, {string.Join(" and ", fault)}: {fault.Key.Where}" }));
        if (problems.Count == 0 && runs.Count == 0)
        {
            problems.Add(new Problem($"{path}, {SystemsKey}", "there is no system to compare", "at least one whose model is there, and one seed"));
        }

        return problems.Count > 0 ? throw new OptionsException(problems) : new ComparisonConfig { TestFile = test!, Runs = runs };
    }

    /// <summary>At least one; each is taken once.</summary>
    private static int[] SeedsOf(ObjectKeys root) => root.Find(
            SeedsKey,
            "a list of whole numbers",
            value => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0
                && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out _)),
            isRequired: true) is { } list
        ? [.. list.EnumerateArray().Select(item => item.GetInt32()).Distinct()]
        : [];

    /// <summary>Keys of training, and their values as the command line would have them.</summary>
    private static KeyValuePair<string, string>[] TrainKeysOf(ObjectKeys keys) =>
        keys.Find(TrainKey, "an object of train's keys", value => value.ValueKind == JsonValueKind.Object, isRequired: true) is { } found
            ? [.. found.EnumerateObject().Select(item => KeyValuePair.Create(item.Name, TextOf(item.Value)))]
            : [];

    private static double? PublishedOf(ObjectKeys system) => system.Number(PublishedKey, "a number from 0 to 1", share => share is >= 0 and <= 1);

    private static string TextOf(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array ? string.Join(',', value.EnumerateArray().Select(item => item.ToString())) : value.ToString();

    private static TrainArguments ArgumentsOf(KeyValuePair<string, string>[] keys, int seed, string folder, Action<string> notes) => TrainArgumentsReader.Read(
        null, [.. keys, new("seed", $"{seed}"), new(OutputKey, $"{folder}-seed{seed}"), new("resume_from_checkpoint", "true")], notes);
}

/// <summary>One training run of a comparison.</summary>
/// <param name="System">Name of the system it belongs to.</param>
/// <param name="Arguments">Its arguments; a run that is finished is not run again.</param>
/// <param name="Published">Weighted F1 that somebody published for the system; null when there is none.</param>
public sealed record ComparedRun(string System, TrainArguments Arguments, double? Published);
