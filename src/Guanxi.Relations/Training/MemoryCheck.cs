using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>Refuses a run that cannot fit into the memory there is, before anything large is loaded, and says what would.</summary>
internal static class MemoryCheck
{
    /// <summary>Checks a run.</summary>
    /// <param name="config">The base model's shape.</param>
    /// <param name="arguments">Arguments without gaps.</param>
    /// <param name="rows">The rows that train.</param>
    /// <param name="computeType">Type of activations and products.</param>
    /// <param name="available">Bytes that can be had; null where nobody knows.</param>
    /// <exception cref="OptionsException">It does not fit.</exception>
    public static void Require(DecoderConfig config, TrainArguments arguments, IReadOnlyList<TokenSequence> rows, DType computeType, long? available)
    {
        var work = WorkOf(arguments, rows, computeType);
        Way[] ways =
        [
            new("--gradient_checkpointing true", Needed(config, arguments.TrainMode, work with { IsCheckpointed = true })),
            new("--per_device_train_batch_size 1", Needed(config, arguments.TrainMode, work with { Rows = 1, IsCheckpointed = true })),
            new("--train_mode lora", Needed(config, TrainMode.Lora, work with { IsCheckpointed = true })),
            new("--train_mode qlora", Needed(config, TrainMode.Qlora, work with { IsCheckpointed = true })),
            new("--train_mode qlora --per_device_train_batch_size 1", Needed(config, TrainMode.Qlora, work with { Rows = 1, IsCheckpointed = true })),
            new("--train_mode qlora --per_device_train_batch_size 1 --lora_rank 8",
                Needed(config, TrainMode.Qlora, work with { Rows = 1, IsCheckpointed = true, LoraRank = 8 })),
        ];
        Require($"in mode {Name(arguments.TrainMode)}", Needed(config, arguments.TrainMode, work), ways, available);
    }

    /// <summary>Whether layers are computed again in the backward pass: as the arguments say, or where keeping what they need takes too much memory.</summary>
    /// <param name="config">The base model's shape.</param>
    /// <param name="arguments">Arguments without gaps but this one.</param>
    /// <param name="rows">The rows that train.</param>
    /// <param name="computeType">Type of activations and products.</param>
    /// <param name="available">Bytes that can be had; null where nobody knows.</param>
    /// <param name="note">Told why, and of memory that nobody needs.</param>
    /// <returns>True when they are. The run's results are the same to the last bit.</returns>
    public static bool Recomputes(
        DecoderConfig config, TrainArguments arguments, IReadOnlyList<TokenSequence> rows, DType computeType, long? available, Action<string> note)
    {
        var kept = Needed(config, arguments.TrainMode, WorkOf(arguments with { GradientCheckpointing = false }, rows, computeType));

        // Half of it: others live on this machine too.
        var fits = available is { } free && kept <= free / 2;
        switch (arguments.GradientCheckpointing, fits)
        {
            case (true, true):
                note("gradient_checkpointing computes every layer twice to save memory: without it a step takes about two thirds of the time, and "
                    + $"{Show(kept)} of the {Show(available!.Value)} that are available");
                break;
            case (null, true):
                note($"every layer is computed once, for which training takes {Show(kept)} of the {Show(available!.Value)} that are available (gradient_checkpointing false)");
                break;
            case (null, false):
                var why = available is null ? "and nobody knows what is available" : "more than half of what is available";
                note($"every layer is computed twice: otherwise training would take {Show(kept)}, {why} (gradient_checkpointing true)");
                break;
        }

        return arguments.GradientCheckpointing ?? !fits;
    }

    /// <summary>Checks a run of an encoder that trains as a whole.</summary>
    /// <param name="config">The encoder's shape with its head.</param>
    /// <param name="arguments">Arguments without gaps.</param>
    /// <param name="lengths">Tokens of the rows that train.</param>
    /// <param name="computeType">Type of activations and products.</param>
    /// <param name="available">Bytes that can be had; null where nobody knows.</param>
    /// <exception cref="OptionsException">It does not fit.</exception>
    public static void Require(EncoderConfig config, TrainArguments arguments, IReadOnlyList<int> lengths, DType computeType, long? available)
    {
        int[] longest = [.. lengths.OrderDescending().Take(arguments.PerDeviceTrainBatchSize!.Value)];
        var work = new MemoryWork
        {
            Rows = longest.Length, RowTokens = (int)Math.Ceiling(longest.Average()), IsCheckpointed = arguments.GradientCheckpointing!.Value, ComputeType = computeType,
        };
        Way[] ways =
        [
            new("--gradient_checkpointing true", EncoderMemory.TrainingBytes(config, work with { IsCheckpointed = true })),
            new("--per_device_train_batch_size 1", EncoderMemory.TrainingBytes(config, work with { Rows = 1, RowTokens = longest[0], IsCheckpointed = true })),
            new($"--method {Methods.BertBiGruAtt}, whose encoder does not train", EncoderMemory.ServingBytes(config, work)),
        ];
        Require($"with method {arguments.Method}", EncoderMemory.TrainingBytes(config, work), ways, available);
    }

    private static void Require(string how, long needed, Way[] ways, long? available)
    {
        if (needed > available)
        {
            string[] fitting = [.. ways.Where(way => way.Bytes <= available).Take(2).Select(way => $"{way.Said} ({Show(way.Bytes)})")];
            throw new OptionsException(new Problem(
                "memory", $"training this model {how} does not fit", $"at least {Show(needed)}", $"{Show(available.Value)} available",
                fitting.Length > 0
                    ? $"What would fit: {string.Join(" or ", fitting)}."
                    : "Nothing of this model fits: take a smaller one, or a machine with more memory."));
        }
    }

    private static MemoryWork WorkOf(TrainArguments arguments, IReadOnlyList<TokenSequence> rows, DType computeType) => new()
    {
        Rows = Math.Min(arguments.PerDeviceTrainBatchSize!.Value, rows.Count),
        RowTokens = rows.Max(row => row.Tokens.Length),
        SharedTokens = arguments.SharedPrefix ? TokenSequence.SharedLength(rows) : 0,
        SupervisedTokens = rows.Max(row => row.SupervisedCount),
        LoraRank = arguments.LoraRank,
        IsCheckpointed = arguments.GradientCheckpointing!.Value,
        ComputeType = computeType,
    };

    private static long Needed(DecoderConfig config, TrainMode mode, MemoryWork work)
    {
        var estimate = MemoryEstimate.Of(config, work);
        return mode switch
        {
            TrainMode.Full => estimate.FullBytes,
            TrainMode.Lora => estimate.LoraBytes,
            _ => estimate.QloraBytes,
        };
    }

    private static string Name(TrainMode mode) => mode.ToString().ToLowerInvariant();

    private static string Show(long bytes) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):F1} GiB");

    /// <summary>Another way to train, and what it takes.</summary>
    private readonly record struct Way(string Said, long Bytes);
}
