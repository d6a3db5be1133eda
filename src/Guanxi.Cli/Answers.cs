using Guanxi.Relations;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;
using Guanxi.Transformers.Hubs;
using Guanxi.Transformers.Models;
using IoPath = System.IO.Path;

namespace Guanxi.Cli;

/// <summary>What a run answered.</summary>
/// <param name="Name">Name of the system.</param>
/// <param name="Path">Where the answers come from.</param>
/// <param name="Gold">True labels.</param>
/// <param name="Predicted">Predicted labels, as many.</param>
internal sealed record Answered(string Name, string Path, IReadOnlyList<string> Gold, IReadOnlyList<string> Predicted);

/// <summary>Gets the answers of runs: reads predictions, or asks a model and keeps its answers beside it.</summary>
internal sealed class Answers(string? data, Func<LanguageModelOptions> computing, StatusLine status, CancellationToken stop)
{
    private const string Folder = "report";
    private readonly Lazy<LanguageModelOptions> _options = new(computing);

    /// <summary>The answers of a run as the command line names it.</summary>
    /// <param name="word">A path, or a name, = and a path.</param>
    /// <exception cref="OptionsException">There are none, or they do not fit the data.</exception>
    public Answered Of(string word)
    {
        var at = word.IndexOf('=', StringComparison.Ordinal);
        var (name, path) = at > 0 ? (word[..at], word[(at + 1)..]) : (null, word);
        if (File.Exists(path) && !ModelFolder.IsAny(path))
        {
            return Read(name ?? IoPath.GetFileNameWithoutExtension(path), path);
        }

        if (File.Exists(IoPath.Combine(path, ReportFolder.PredictionsFile)))
        {
            return Read(name ?? NameOf(path), IoPath.Combine(path, ReportFolder.PredictionsFile));
        }

        return OfModel(name ?? NameOf(path), path, data ?? throw new OptionsException(new Problem(
            path, "there are no predictions, and nothing says which rows to ask the model for", ReportFolder.PredictionsFile + " in it, or --data", "neither")));
    }

    /// <summary>Asks a model and keeps its answers beside it.</summary>
    public Answered OfModel(string name, string path, string rows)
    {
        var folder = HubCache.OfProcess.Resolve(path);
        using var model = TrainedModel.Load(folder, _options.Value, new TaskOverrides());
        var examples = DataRows.Read(rows, null).RequireRelations();

        var report = ReportBeside(folder);
        var evaluation = new Evaluator(TimeProvider.System).Evaluate(model.Classifier, examples, new RowProgress(status, examples.Count), stop);
        if (TrainedRows.Of(folder, null, status) is { } trained)
        {
            evaluation = evaluation.WithTrained(trained);
        }

        try
        {
            report?.Write(evaluation, ReportFacts.OfModel(path, model.Info, rows));
        }
        catch (CheckpointException error) when (error.IsWriting)
        {
            SayNotKept(folder, error.Problems[0]);
        }

        return new Answered(name, path, [.. evaluation.Rows.Select(row => row.Gold)], [.. evaluation.Rows.Select(row => row.Predicted)]);
    }

    /// <summary>The folder to keep answers in; null, which is told, where nothing can be kept.</summary>
    private ReportFolder? ReportBeside(string model)
    {
        try
        {
            return ReportFolder.Of(IoPath.Combine(model, Folder));
        }
        catch (OptionsException error)
        {
            SayNotKept(model, error.Problems[0]);
            return null;
        }
    }

    private void SayNotKept(string model, Problem problem) => status.Say($"the answers of {model} are not kept beside it: {problem.Found}");

    private static string NameOf(string path) => IoPath.GetFileName(IoPath.TrimEndingDirectorySeparator(IoPath.GetFullPath(path))) is var last && last == Folder
        ? IoPath.GetFileName(IoPath.GetDirectoryName(IoPath.GetFullPath(path))!)
        : last;

    private Answered Read(string name, string path)
    {
        var read = PredictionFile.Read(path, data);
        return new Answered(name, path, read.Gold, read.Predicted);
    }
}
