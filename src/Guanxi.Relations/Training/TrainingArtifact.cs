using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;

namespace Guanxi.Relations.Training;

/// <summary>What a finished run leaves beside its weights.</summary>
internal static class TrainingArtifact
{
    /// <summary>The arguments with all defaults filled in.</summary>
    public const string ArgumentsFile = "train_args.json";

    private static readonly string[] s_tokenizerFiles = ["tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt"];

    /// <summary>Whether a run that is to be resumed has been finished before.</summary>
    public static bool IsFinished(TrainArguments arguments) =>
        arguments.ResumeFromCheckpoint == "true" && File.Exists(Path.Combine(arguments.OutputDir!, TrainingDefaults.BaseFile));

    /// <summary>Copies the tokenizer and writes <c>guanxi.json</c>, which makes the folder an artefact.</summary>
    public static void Finish(TrainArguments arguments, TrainingRows rows, LanguageModel model, Torch.DType computeType)
    {
        foreach (var name in s_tokenizerFiles)
        {
            var from = Path.Combine(model.BaseFolder, name);
            if (File.Exists(from))
            {
                AtomicFile.Write(Path.Combine(arguments.OutputDir!, name), stream =>
                {
                    using var file = File.OpenRead(from);
                    file.CopyTo(stream);
                });
            }
        }
    }
}
