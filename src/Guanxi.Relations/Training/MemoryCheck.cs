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
        if (available is not { } bytes)
        {
            return;
        }

        var work = WorkOf(arguments, rows, computeType);
        var needed = Needed(config, arguments.TrainMode, work);
        if (needed > bytes)
        {
            throw new OptionsException(new Problem(
                "memory", $"training this model in mode {Name(arguments.TrainMode)} does not fit", $"at least {Show(needed)}", $"{Show(bytes)} available",
                Remedy(config, arguments.TrainMode, work, bytes)));
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

    private static string Remedy(DecoderConfig config, TrainMode mode, MemoryWork work, long available)
    {
        (string Said, TrainMode Mode, MemoryWork Work)[] ways =
        [
            ("--gradient_checkpointing true", mode, work with { IsCheckpointed = true }),
            ("--per_device_train_batch_size 1", mode, work with { Rows = 1, IsCheckpointed = true }),
            ("--train_mode lora", TrainMode.Lora, work with { IsCheckpointed = true }),
            ("--train_mode qlora", TrainMode.Qlora, work with { IsCheckpointed = true }),
            ("--train_mode qlora --per_device_train_batch_size 1", TrainMode.Qlora, work with { Rows = 1, IsCheckpointed = true }),
            ("--train_mode qlora --per_device_train_batch_size 1 --lora_rank 8", TrainMode.Qlora, work with { Rows = 1, IsCheckpointed = true, LoraRank = 8 }),
        ];
        string[] fitting = [.. ways.Where(way => Needed(config, way.Mode, way.Work) <= available).Take(2).Select(way => $"{way.Said} ({Show(Needed(config, way.Mode, way.Work))})")];
        return fitting.Length > 0
            ? $"What would fit: {string.Join(" or ", fitting)}."
            : "Nothing of this model fits: take a smaller one, or a machine with more memory.";
    }

    private static string Name(TrainMode mode) => mode.ToString().ToLowerInvariant();

    private static string Show(long bytes) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):F1} GiB");
}
