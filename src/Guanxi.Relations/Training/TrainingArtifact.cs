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

    /// <summary>Whether a run that is to be resumed has been finished before.</summary>
    public static bool IsFinished(TrainArguments arguments) =>
        arguments.ResumeFromCheckpoint == "true" && File.Exists(Path.Combine(arguments.OutputDir!, ArtifactInfo.FileName));

    /// <summary>Copies the tokenizer and writes <c>guanxi.json</c>, which makes the folder an artefact.</summary>
    public static void Finish(TrainArguments arguments, TrainingRows rows, LanguageModel model, DType computeType)
    {
        var isCopied = new ModelFolder(model.BaseFolder, null).CopyCompanions(arguments.OutputDir!);
        var tokenizer = isCopied && model.Tokenizer is not null ? TokenizerLoader.Load(arguments.OutputDir!) : model.Tokenizer;
        new ArtifactInfo
        {
            Method = arguments.Method,
            Labels = rows.Schema?.Labels ?? [],
            Aliases = rows.Schema?.Aliases ?? new Dictionary<string, IReadOnlyList<string>>(),
            PromptTemplate = rows.Template?.Template,
            ChatFormat = tokenizer is null ? null : InstructionEncoder.Format,
            StopTokens = tokenizer?.EosId is { } stop ? [tokenizer.IdToToken(stop)] : [],
            TokenizerSha256 = tokenizer?.Fingerprint,
            MaxLength = arguments.MaxSeqLength,
            Decoding = "constrained",
            Seed = arguments.Seed,
            Versions = new Dictionary<string, string>
            {
                ["guanxi"] = typeof(TrainingArtifact).Assembly.GetName().Version?.ToString(3) ?? "unknown",
                ["libtorch"] = TorchRuntime.Version,
                ["compute_dtype"] = computeType == DType.BFloat16 ? "bf16" : "fp32",
            },
            BaseModel = LanguageModel.HasWeights(model.BaseFolder) ? BaseModelIdentity.Of(model.BaseFolder, arguments.ModelNameOrPath!) : null,
        }.Write(arguments.OutputDir!);
    }
}
