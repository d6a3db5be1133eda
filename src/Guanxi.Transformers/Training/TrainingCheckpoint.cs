using System.Text.Json;
using System.Text.Json.Nodes;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Training;

/// <summary>Folders <c>checkpoint-N</c> that a run goes on from: parameters, moments, step, and what must not have changed meanwhile.</summary>
public static class TrainingCheckpoint
{
    /// <summary>File of a checkpoint that says what was done; the Hugging Face Trainer has one of the same name.</summary>
    public const string InfoFile = "trainer_state.json";

    private const string Prefix = "checkpoint-";
    private const string StateFile = "training_state.safetensors";
    private const string BestStep = "best_global_step";
    private const string BestScore = "best_metric";
    private const string SinceBest = "evaluations_since_best";
    private const string Pending = "evaluation_pending";
    private const int MaxInfoBytes = 1 << 20;

    /// <summary>Writes a checkpoint; its name appears only when all of it is on the device.</summary>
    /// <param name="runFolder">Folder of the run.</param>
    /// <param name="trainer">The trainer between two steps.</param>
    /// <param name="fingerprint">What must be the same when the run goes on: options, data, base.</param>
    /// <param name="writeModel">Writes the model's own files into the folder.</param>
    /// <returns>Path of the checkpoint.</returns>
    /// <exception cref="CheckpointException">The folder cannot be written.</exception>
    public static string Save(string runFolder, Trainer trainer, string fingerprint, Action<string> writeModel)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        var path = PathOf(runFolder, trainer.Step);
        AtomicFolder.Write(path, folder =>
        {
            writeModel(folder);
            SafetensorsWriter.Write(
                Path.Combine(folder, StateFile), trainer.State().Select(item => TensorSource.FromTensor(item.Name, item.Value.DType, item.Value)), SafetensorsWriter.PyTorchMetadata);
            var info = new JsonObject
            {
                ["global_step"] = trainer.Step,
                ["max_steps"] = trainer.Plan.TotalSteps,
                ["epoch"] = trainer.Plan.EpochAfter(trainer.Step),
                ["fingerprint"] = fingerprint,
            };
            if (trainer.IsEvaluationPending)
            {
                info[Pending] = true;
            }

            if (trainer.Best is { } best)
            {
                (info[BestStep], info[BestScore], info[SinceBest]) = (best.Step, best.Score, best.EvaluationsSince);
            }

            AtomicFile.WriteText(Path.Combine(folder, InfoFile), info.ToJsonString() + "\n");
            Integrity.WriteManifest(folder);
        });
        return path;
    }

    /// <summary>Checkpoints of a run, newest first.</summary>
    /// <param name="runFolder">Folder of the run.</param>
    /// <returns>Step and path of each.</returns>
    public static IReadOnlyList<(int Step, string Path)> List(string runFolder)
    {
        if (!Directory.Exists(runFolder))
        {
            return [];
        }

        return [.. Directory.EnumerateDirectories(runFolder, Prefix + "*")
            .Select(path => (IsNumbered: int.TryParse(Path.GetFileName(path).AsSpan(Prefix.Length), out var step), Step: step, Path: path))
            .Where(found => found.IsNumbered)
            .OrderByDescending(found => found.Step)
            .Select(found => (found.Step, found.Path))];
    }

    /// <summary>Loads the newest checkpoint that is whole.</summary>
    /// <param name="runFolder">Folder of the run.</param>
    /// <param name="trainer">The trainer to go on with.</param>
    /// <param name="fingerprint">As when it was saved.</param>
    /// <param name="report">Told of every checkpoint that is damaged and passed over, and of what one of Hugging Face's does not give.</param>
    /// <returns>Path of the checkpoint, or null when there is none.</returns>
    /// <exception cref="OptionsException">The newest whole checkpoint belongs to another configuration.</exception>
    /// <exception cref="CheckpointException">Its tensors do not fit the model.</exception>
    public static string? ResumeNewest(string runFolder, Trainer trainer, string fingerprint, Action<Problem> report)
    {
        ArgumentNullException.ThrowIfNull(report);
        foreach (var (_, path) in List(runFolder))
        {
            if (HuggingFaceCheckpoint.Is(path))
            {
                Report(path, HuggingFaceCheckpoint.Resume(path, trainer), report);
                return path;
            }

            var problems = Integrity.Verify(path);
            if (problems.Count == 0)
            {
                Resume(path, trainer, fingerprint);
                return path;
            }

            foreach (var problem in problems)
            {
                report(problem);
            }
        }

        return null;
    }

    private static void Report(string path, IEnumerable<string> differences, Action<Problem> report)
    {
        foreach (var difference in differences)
        {
            report(new Problem(path, difference));
        }
    }

    /// <summary>Loads a checkpoint.</summary>
    /// <param name="path">Its folder.</param>
    /// <param name="trainer">The trainer to go on with.</param>
    /// <param name="fingerprint">As when it was saved.</param>
    /// <exception cref="OptionsException">It belongs to another configuration.</exception>
    /// <exception cref="CheckpointException">It is damaged or does not fit the model.</exception>
    public static void Resume(string path, Trainer trainer, string fingerprint)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        var problems = Integrity.Verify(path);
        if (problems.Count > 0)
        {
            throw new CheckpointException(problems);
        }

        var info = JsonFile.ReadObject(Path.Combine(path, InfoFile), MaxInfoBytes);
        var saved = info.TryGetProperty("fingerprint", out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;
        if (saved != fingerprint)
        {
            throw new OptionsException(new Problem(
                path,
                "the checkpoint was written with other arguments, data or base model: going on from it would not be the same run",
                saved,
                fingerprint,
                "Give the same arguments as before, or another output_dir."));
        }

        CopyState(Path.Combine(path, StateFile), trainer.State());
        trainer.Resume(info.GetProperty("global_step").GetInt32(), BestOf(info), info.TryGetProperty(Pending, out _));
    }

    /// <summary>Loads the parameters alone, as for the best checkpoint at the end of a run.</summary>
    /// <param name="path">Folder of the checkpoint.</param>
    /// <param name="trainer">Its parameters are overwritten; step and optimizer stay as they are.</param>
    /// <exception cref="CheckpointException">It is damaged or does not fit the model.</exception>
    public static void LoadParameters(string path, Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        var problems = Integrity.Verify(path);
        if (problems.Count > 0)
        {
            throw new CheckpointException(problems);
        }

        CopyState(Path.Combine(path, StateFile), trainer.Parameters());
    }

    /// <summary>The folder of a step.</summary>
    /// <param name="runFolder">Folder of the run.</param>
    /// <param name="step">Optimizer step.</param>
    /// <returns>Path of its checkpoint, be it there or not.</returns>
    public static string PathOf(string runFolder, int step) => Path.Combine(runFolder, $"{Prefix}{step}");

    private static BestEvaluation? BestOf(JsonElement info) =>
        info.TryGetProperty(BestStep, out var step) && info.TryGetProperty(BestScore, out var score) && info.TryGetProperty(SinceBest, out var since)
            ? new BestEvaluation(step.GetInt32(), score.GetDouble(), since.GetInt32())
            : null;

    private static void CopyState(string file, IEnumerable<(string Name, Tensor Value)> state)
    {
        using var tensors = SafetensorsFile.Open(file);
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        var problems = new List<Problem>();
        foreach (var (name, value) in state)
        {
            if (!tensors.Entries.TryGetValue(name, out var entry) || entry.DType != value.DType || !value.Shape.SequenceEqual(entry.Shape))
            {
                problems.Add(new Problem(file, $"tensor '{name}' is missing or of another shape", value.ToString()));
                continue;
            }

            value.CopyInPlace(Tensor.FromMemory(tensors.Buffer, entry.Offset, entry.DType, entry.Shape));
        }

        if (problems.Count > 0)
        {
            throw new CheckpointException(problems);
        }
    }
}
