using System.Text.Json;
using System.Text.Json.Nodes;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;

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
    private const string ComputedIn = "compute_dtype";
    private const string Pending = "evaluation_pending";
    private const int MaxInfoBytes = 1 << 20;

    /// <summary>Writes a checkpoint; its name appears only when all of it is on the device. All processes call it, rank 0 writes.</summary>
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
        if (!trainer.Ranks.IsFirst)
        {
            // Rank 0 writes, tensor by tensor in the order of the file; what is kept here goes there in that order.
            SafetensorsWriter.Write(Stream.Null, trainer.SavedState(), SafetensorsWriter.PyTorchMetadata);
            return path;
        }

        AtomicFolder.Write(path, folder =>
        {
            writeModel(folder);
            SafetensorsWriter.Write(Path.Combine(folder, StateFile), trainer.SavedState(), SafetensorsWriter.PyTorchMetadata);
            var info = new JsonObject
            {
                ["global_step"] = trainer.Step,
                ["max_steps"] = trainer.Plan.TotalSteps,
                ["epoch"] = trainer.Plan.EpochAfter(trainer.Step),
                ["fingerprint"] = fingerprint,
                [ComputedIn] = DTypeNames.ShortOf(trainer.ComputeType),
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

    /// <summary>The type that a run computed in until a checkpoint.</summary>
    /// <param name="path">Folder of the checkpoint.</param>
    /// <returns>The type; null where the checkpoint does not say, or cannot be read, which is told when it is loaded.</returns>
    public static DType? ComputeTypeOf(string path)
    {
        try
        {
            var info = JsonFile.ReadObject(Path.Combine(path, InfoFile), MaxInfoBytes);
            return info.TryGetProperty(ComputedIn, out var name) && name.ValueKind == JsonValueKind.String ? DTypeNames.FromShort(name.GetString()) : null;
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    /// <summary>Loads the newest checkpoint that is whole. All processes call it, rank 0 reads.</summary>
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
        ArgumentNullException.ThrowIfNull(trainer);
        foreach (var (_, path) in trainer.Ranks.IsFirst ? List(runFolder) : [])
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

        trainer.Restore(null, NothingToRead);
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
                "Give the same arguments as before (as many rows a step, where the number of ranks is another), or another output_dir."));
        }

        var progress = new SavedProgress(info.GetProperty("global_step").GetInt32(), BestOf(info), info.TryGetProperty(Pending, out _));
        using var tensors = SafetensorsFile.Open(Path.Combine(path, StateFile));
        Require(tensors, trainer.SharedStates());
        trainer.Restore(progress, state => Read(tensors, state));
    }

    /// <summary>Takes part, in a process that is not rank 0, in what rank 0 goes on from.</summary>
    /// <param name="trainer">The trainer to go on with.</param>
    public static void Follow(Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        trainer.Restore(null, NothingToRead);
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

        using var tensors = SafetensorsFile.Open(Path.Combine(path, StateFile));
        var states = trainer.SharedStates().Take(trainer.Parameters().Count()).ToArray();
        Require(tensors, states);
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        foreach (var state in states)
        {
            state.Value!.CopyInPlace(Read(tensors, state));
        }
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

    private static void Require(SafetensorsFile tensors, IEnumerable<SharedState> states)
    {
        List<Problem> problems =
        [
            .. states
                .Where(state => !tensors.Entries.TryGetValue(state.Name, out var entry) || entry.DType != state.DType || !entry.Shape.SequenceEqual(state.Shape))
                .Select(state => new Problem(
                    tensors.FilePath, $"tensor '{state.Name}' is missing or of another shape", $"{state.DType}[{string.Join(", ", state.Shape)}]")),
        ];
        if (problems.Count > 0)
        {
            throw new CheckpointException(problems);
        }
    }

    private static Tensor Read(SafetensorsFile tensors, SharedState state)
    {
        var entry = tensors.Entries[state.Name];
        return Tensor.FromMemory(tensors.Buffer, entry.Offset, entry.DType, entry.Shape);
    }

    private static Tensor NothingToRead(SharedState state) => throw new InvalidOperationException($"there is nothing to read '{state.Name}' from");
}
