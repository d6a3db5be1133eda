using System.Globalization;
using Guanxi.Cli.Inspection;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Reporting;
using Guanxi.Relations.Training;
using Guanxi.Transformers;
using Guanxi.Transformers.Hubs;

namespace Guanxi.Cli;

/// <summary>What a report says of where its figures come from.</summary>
internal static class ReportFacts
{
    // The name that the training loss has among the losses of evaluations.
    private const string TrainingLoss = "training";

    /// <summary>Of a model, with the curves of its training where it left any.</summary>
    /// <param name="path">The model as the user named it.</param>
    /// <param name="info">What it says of itself.</param>
    /// <param name="data">The rows.</param>
    public static ReportContext OfModel(string path, ArtifactInfo info, string? data) => Curves(HubCache.OfProcess.Resolve(path)) with
    {
        Subject = NameOf(path),
        Facts =
        [
            .. Given(
                ("Model", path),
                ("Method", info.Method),
                ("Base model", info.BaseModel?.NameOrPath),
                ("Seed", info.Seed?.ToString(CultureInfo.InvariantCulture)),
                ("Trained with", string.Join(", ", info.Versions.Select(version => $"{version.Key} {version.Value}")))),
            .. Common(data),
        ],
    };

    /// <summary>Of something else that answers: a server, a file.</summary>
    public static ReportContext Of(string kind, string source, string? data) =>
        new() { Subject = NameOf(source), Facts = [.. Given((kind, source)), .. Common(data)] };

    /// <summary>Of several systems.</summary>
    public static ReportContext OfSystems(IReadOnlyList<Answered> runs, string? data) => new()
    {
        Subject = string.Join(" · ", runs.Select(run => run.Name).Distinct()),
        Facts = [.. runs.Select(run => KeyValuePair.Create(run.Name, run.Path)), .. Common(data)],
    };

    private static IEnumerable<KeyValuePair<string, string>> Common(string? data) => Given(
        ("Rows from", data),
        ("Evaluated with", $"Guanxi {ProgramVersion.Number}, "
            + $"commit {ProgramVersion.ShortCommit}"),
        ("Written", TimeProvider.System.GetLocalNow().ToString("yyyy-MM-dd HH:mm zzz", CultureInfo.InvariantCulture)));

    private static IEnumerable<KeyValuePair<string, string>> Given(params (string Name, string? Value)[] facts) =>
        facts.Where(fact => !string.IsNullOrEmpty(fact.Value)).Select(fact => KeyValuePair.Create(fact.Name, fact.Value!));

    private static string NameOf(string path) =>
        Path.GetFileName(Path.TrimEndingDirectorySeparator(path)) is { Length: > 0 } name ? name : path;

    private static ReportContext Curves(string folder)
    {
        var empty = new ReportContext { Subject = folder };
        var path = Path.Combine(folder, TrainingArtifact.LogFile);
        if (!File.Exists(path))
        {
            return empty;
        }

        try
        {
            var log = RunLog.Read(path);
            var measured = log.Evaluations.Where(item => item.Value.Count > 1)
                .ToLookup(item => item.Key.EndsWith(RunMetrics.Loss, StringComparison.Ordinal));
            return empty with
            {
                Losses = [.. log.Losses.Count > 1 ? [Curve(TrainingLoss, log.Losses)]
                    : Array.Empty<ReportCurve>(), .. Named(measured[true])],
                Scores = Named(measured[false]),
            };
        }
        catch (CheckpointException)
        {
            // A damaged log takes the curves from the report, not the report itself.
            return empty;
        }
    }

    private static ReportCurve[] Named(IEnumerable<KeyValuePair<string, List<LogPoint>>> curves) =>
        [.. curves.Select(curve => Curve(curve.Key[RunMetrics.LogPrefix.Length..].Replace('_', ' '), curve.Value)).Take(2)];

    private static ReportCurve Curve(string name, IEnumerable<LogPoint> points) =>
        new(name, [.. points.Select(point => new CurvePoint(point.Step, point.Value))]);
}
