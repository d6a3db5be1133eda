using Guanxi.Relations.Artifacts;
using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Relations.Training;

/// <summary>What a finished run leaves beside its weights.</summary>
internal static class TrainingArtifact
{
    /// <summary>The arguments with all defaults filled in.</summary>
    public const string ArgumentsFile = "train_args.json";

    /// <summary>A line for every step and evaluation.</summary>
    public const string LogFile = "train_log.jsonl";

    /// <summary>Whether a run that is to be resumed has been finished before.</summary>
    public static bool IsFinished(TrainArguments arguments) =>
        arguments.ResumeFromCheckpoint == "true" && File.Exists(Path.Combine(arguments.OutputDir!, ArtifactInfo.FileName));

    /// <summary>Copies the tokenizer and writes <c>guanxi.json</c>, which makes the folder an artefact.</summary>
    /// <param name="arguments">The run's arguments.</param>
    /// <param name="baseFolder">Folder of the model that the training began with.</param>
    /// <param name="tokenizer">Its tokenizer; null when there is none.</param>
    /// <param name="task">What the task says; the rest is filled in.</param>
    /// <param name="computeType">Type that was computed in.</param>
    public static void Finish(TrainArguments arguments, string baseFolder, ITokenizer? tokenizer, ArtifactInfo task, DType computeType)
    {
        var isCopied = new ModelFolder(baseFolder, null).CopyCompanions(arguments.OutputDir!);
        tokenizer = isCopied && tokenizer is not null ? TokenizerLoader.Load(arguments.OutputDir!) : tokenizer;
        var versions = new Dictionary<string, string>
        {
            ["libtorch"] = TorchRuntime.Version,
            ["compute_dtype"] = ComputeType.NameOf(computeType),
        };
        Write(arguments, task with
        {
            TokenizerSha256 = tokenizer?.Fingerprint,
            MaxLength = arguments.MaxSeqLength,
            Versions = versions,
            BaseModel = LanguageModel.HasWeights(baseFolder) ? BaseModelIdentity.Of(baseFolder, arguments.ModelNameOrPath!) : null,
        });
    }

    /// <summary>Writes <c>guanxi.json</c> for a model without tokenizer and base, or one whose task says them.</summary>
    /// <param name="arguments">The run's arguments.</param>
    /// <param name="task">What the task says; seed and this program's version are filled in.</param>
    public static void Write(TrainArguments arguments, ArtifactInfo task) => (task with
    {
        Seed = arguments.Seed,
        Versions = new Dictionary<string, string>(task.Versions)
        {
            ["guanxi"] = typeof(TrainingArtifact).Assembly.GetName().Version?.ToString(3) ?? "unknown",
        },
    }).Write(arguments.OutputDir!);
}
