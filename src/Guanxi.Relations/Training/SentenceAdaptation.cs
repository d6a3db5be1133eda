using System.Security.Cryptography;
using System.Text;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>
/// What an encoder does before it learns labels: it guesses hidden tokens of the rows' own sentences, so that it knows their words.
/// </summary>
/// <remarks>
/// Gururangan et al. 2020, "Don't stop pretraining" (arXiv 2004.10964), adaptation to the task. A run of its own below the output folder,
/// which stops and goes on as any other; rows that are cut off to be evaluated on are not read.
/// </remarks>
internal static class SentenceAdaptation
{
    private const int HashDigits = 12;

    /// <summary>The run that comes first.</summary>
    /// <param name="filled">Arguments without gaps.</param>
    /// <returns>Its arguments, and what its text file is to hold; null where none is wanted.</returns>
    /// <exception cref="Transformers.OptionsException">The rows are wrong.</exception>
    public static (TrainArguments Arguments, string Text)? Before(TrainArguments filled)
    {
        if (filled.AdaptEpochs is not (> 0 and var epochs))
        {
            return null;
        }

        var rows = RelationRows.Read(filled, OfTheRunThatFollows);
        var text = string.Join('\n', rows.Train.Select(row => row.Text.ReplaceLineEndings(" ")).Distinct(StringComparer.Ordinal)) + "\n";

        // Other sentences or another base are another run.
        var input = Encoding.UTF8.GetBytes($"{filled.ModelNameOrPath}\n{filled.Seed}\n{epochs}\n{text}");
        var hash = Convert.ToHexStringLower(SHA256.HashData(input))[..HashDigits];
        var folder = Path.Combine(filled.OutputDir!, $"adapted-{hash}");
        return (Run(filled, epochs, folder), text);
    }

    /// <summary>Writes the text that the run reads.</summary>
    /// <param name="run">What <see cref="Before"/> gave.</param>
    /// <exception cref="Transformers.CheckpointException">It cannot be written.</exception>
    public static void Write((TrainArguments Arguments, string Text) run)
    {
        Directory.CreateDirectory(run.Arguments.OutputDir!);
        AtomicFile.WriteText(run.Arguments.TrainFile!, run.Text);
    }

    // Tokens of a step and rate as in the pretraining of assets/encoder-zh, at half its rate.
    private static TrainArguments Run(TrainArguments filled, double epochs, string folder) => new()
    {
        TaskType = TaskType.Mlm,
        TrainMode = TrainMode.Full,
        ModelNameOrPath = filled.ModelNameOrPath,
        TrainFile = Path.Combine(folder, "sentences.txt"),
        OutputDir = folder,
        MaxSeqLength = Math.Min(128, filled.MaxSeqLength!.Value),
        NumTrainEpochs = epochs,
        PerDeviceTrainBatchSize = 16,
        LearningRate = 5e-4,
        LrSchedulerType = "linear",
        WarmupRatio = 0.03,
        WeightDecay = 0.01,
        MlmProbability = 0.3,
        GradientCheckpointing = filled.GradientCheckpointing,
        Seed = filled.Seed,
        Dtype = filled.Dtype,
        Bf16 = filled.Bf16,
        Fp16 = filled.Fp16,
        Device = filled.Device,
        Threads = filled.Threads,
        LoggingSteps = filled.LoggingSteps,
        SaveStrategy = filled.SaveStrategy == "no" ? "no" : "epoch",
        SaveTotalLimit = 1,
        ResumeFromCheckpoint = "true",
    };

    // The rows are read again by the run that follows, which tells what is odd about them.
    private static void OfTheRunThatFollows(string note)
    {
    }
}
