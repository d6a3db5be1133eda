using System.Text.Json;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Checkpoints.Torch;
using Guanxi.Transformers.Peft;

namespace Guanxi.Transformers.Training;

/// <summary>A folder <c>checkpoint-N</c> of the Hugging Face Trainer, to go on from: weights, AdamW's moments, and the step.</summary>
/// <remarks>
/// The rows go on as there: their order is a function of seed and epoch in both. <c>rng_state.pth</c> is not taken over: dropout here
/// is a function of seed and step. Nor is <c>scheduler.pt</c>, which holds what follows from the step; it is compared.
/// </remarks>
public static class HuggingFaceCheckpoint
{
    private const string OptimizerFile = "optimizer.pt";
    private const string SchedulerFile = "scheduler.pt";
    private const int MaxInfoBytes = 256 << 20;
    private const int MostProblems = 20;
    private const double RateTolerance = 1e-9;

    // bitsandbytes' names of the moments of its 32-bit AdamW.
    private static readonly Dictionary<string, string> s_otherNames = new() { ["exp_avg"] = "state1", ["exp_avg_sq"] = "state2" };

    /// <summary>Whether a folder is such a checkpoint.</summary>
    /// <param name="path">A folder.</param>
    /// <returns>False also for a checkpoint of this program.</returns>
    public static bool Is(string path) =>
        File.Exists(Path.Combine(path, OptimizerFile)) && File.Exists(Path.Combine(path, TrainingCheckpoint.InfoFile)) && !File.Exists(Path.Combine(path, Integrity.FileName));

    /// <summary>Takes the checkpoint over.</summary>
    /// <param name="path">Its folder.</param>
    /// <param name="trainer">A trainer of the same model with the same options.</param>
    /// <returns>What differs from going on there, a sentence each.</returns>
    /// <exception cref="CheckpointException">It is damaged or does not fit the model; all problems are listed.</exception>
    /// <exception cref="OptionsException">Several processes train.</exception>
    public static IReadOnlyList<string> Resume(string path, Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        if (trainer.Ranks.WorldSize > 1)
        {
            throw new OptionsException(new Problem(
                path, "a checkpoint of the Hugging Face Trainer is taken over by one process", Hint: "Let one process go on from it and save; several can go on from that."));
        }

        var info = JsonFile.ReadObject(Path.Combine(path, TrainingCheckpoint.InfoFile), MaxInfoBytes);
        if (Number(info, "global_step") is not { } step)
        {
            throw new CheckpointException(new Problem(Path.Combine(path, TrainingCheckpoint.InfoFile), "it does not say how many steps were done", "global_step"));
        }

        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        var copies = new List<(Tensor From, Tensor To)>();
        var problems = new List<Problem>();
        using var weights = File.Exists(Path.Combine(path, LoraConfig.FileName)) ? AdapterFolder.Open(path) : CheckpointReader.Open(path);
        using var moments = TorchFile.OpenNested(Path.Combine(path, OptimizerFile));
        AddWeights(weights, trainer, copies, problems);
        AddMoments(moments, trainer, copies, problems);
        if (problems.Count > 0)
        {
            throw new CheckpointException([.. problems.Take(MostProblems)]);
        }

        foreach (var (from, to) in copies)
        {
            to.CopyInPlace(from.To(to.DType));
        }

        trainer.Resume((int)step, best: null, isEvaluationPending: false);
        return [.. Differences(path, info, trainer)];
    }

    private static void AddWeights(CheckpointReader weights, Trainer trainer, List<(Tensor From, Tensor To)> copies, List<Problem> problems)
    {
        foreach (var (name, value) in trainer.Parameters())
        {
            if (weights.TryGet(name, out var file, out var entry) && value.Shape.SequenceEqual(entry.Shape))
            {
                copies.Add((file.ToTensor(entry), value));
            }
            else
            {
                problems.Add(new Problem(weights.Source, $"tensor '{name}' is missing or of another shape", value.ToString()));
            }
        }
    }

    private static void AddMoments(TorchFile moments, Trainer trainer, List<(Tensor From, Tensor To)> copies, List<Problem> problems)
    {
        // torch numbers the parameters group by group, Hugging Face makes a group of those that decay and one of the others.
        var ordered = trainer.OptimizerStates().OrderBy(item => item.Decays ? 0 : 1).ToArray();
        var order = new[] { ordered, WithDownBeforeUp(ordered) }.FirstOrDefault(states => Fits(moments, states)) ?? ordered;
        for (var i = 0; i < order.Length; i++)
        {
            foreach (var (name, value) in order[i].State)
            {
                if (Find(moments, i, name) is { } entry && value.Shape.SequenceEqual(entry.Shape))
                {
                    copies.Add((moments.ToTensor(entry), value));
                }
                else
                {
                    problems.Add(new Problem(
                        moments.FilePath, $"moment '{name}' of '{order[i].Name}' (number {i}) is missing or of another shape", value.ToString(),
                        Hint: "Give the optimizer and the target modules of that run, or begin from its weights: --adapter_name_or_path."));
                }
            }
        }
    }

    private static bool Fits(TorchFile moments, OptimizerState[] states) => states.Index().All(item => item.Item.State.All(
        state => Find(moments, item.Index, state.Name) is { } entry && state.Value.Shape.SequenceEqual(entry.Shape)));

    private static TensorEntry? Find(TorchFile moments, int parameter, string name) =>
        moments.Entries.TryGetValue($"state.{parameter}.{name}", out var entry)
        || (s_otherNames.TryGetValue(name, out var other) && moments.Entries.TryGetValue($"state.{parameter}.{other}", out entry))
            ? entry
            : null;

    /// <summary>The order of Baichuan's and of the first LLaMA's code, whose feed-forward names gate, down, up.</summary>
    private static OptimizerState[] WithDownBeforeUp(OptimizerState[] states)
    {
        var swapped = new List<OptimizerState>(states.Length);
        var held = new List<OptimizerState>();
        foreach (var state in states)
        {
            if (state.Name.Contains(".up_proj.", StringComparison.Ordinal))
            {
                held.Add(state);
                continue;
            }

            if (!state.Name.Contains(".down_proj.", StringComparison.Ordinal))
            {
                swapped.AddRange(held);
                held.Clear();
            }

            swapped.Add(state);
        }

        return [.. swapped, .. held];
    }

    private static IEnumerable<string> Differences(string path, JsonElement info, Trainer trainer)
    {
        yield return "the random numbers of that run are not taken over: dropout goes on with other masks";
        if (Number(info, "max_steps") is { } steps && steps != trainer.Plan.TotalSteps)
        {
            yield return $"that run had {steps} steps, this one has {trainer.Plan.TotalSteps}";
        }

        if (Number(info, "train_batch_size") is { } batch && batch != trainer.Plan.BatchSize)
        {
            yield return $"that run had {batch} rows in a batch, this one has {trainer.Plan.BatchSize}: it sees other rows";
        }

        if (Number(info, "best_global_step") is not null)
        {
            yield return "the best evaluation of that run is not taken over";
        }

        var scheduler = Path.Combine(path, SchedulerFile);
        if (!File.Exists(scheduler) || trainer.IsDone)
        {
            yield break;
        }

        using var file = TorchFile.OpenNested(scheduler);
        if (file.Numbers.TryGetValue("_last_lr.0", out var theirs) && Math.Abs(theirs - trainer.NextRate) > RateTolerance * Math.Abs(theirs))
        {
            yield return $"the learning rate goes on with {trainer.NextRate}, where that run would have used {theirs}: schedule or steps differ";
        }
    }

    private static long? Number(JsonElement info, string key) =>
        info.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;
}
