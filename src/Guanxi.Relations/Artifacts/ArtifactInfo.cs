using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Relations.Artifacts;

/// <summary>What a model folder says about the task it was trained for: its <c>guanxi.json</c>.</summary>
/// <remarks>
/// A trained model names everything; a base model's file may name the prompt alone. Keys that are not known are ignored, so that older
/// programs read what newer ones wrote; a higher <c>format_version</c> says that they could not do so rightly, and is refused.
/// </remarks>
public sealed record ArtifactInfo
{
    /// <summary>File name inside a model folder.</summary>
    public const string FileName = "guanxi.json";

    /// <summary>The format that this program writes, and the highest that it reads.</summary>
    public const int FormatVersion = 1;

    /// <summary>How the model classifies: <c>llm</c>, <c>r-bert</c>, ...; null when the file does not say.</summary>
    public string? Method { get; init; }

    /// <summary>Canonical labels in the order of their class indices; empty when the file names none.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Other spellings by canonical one.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Aliases { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>The question with its placeholders; null when the file does not say.</summary>
    public string? PromptTemplate { get; init; }

    /// <summary>How question and answer become one sequence, e.g. <see cref="InstructionEncoder.Format"/>; null when the file is silent.</summary>
    public string? ChatFormat { get; init; }

    /// <summary>Spellings of the tokens that end an answer.</summary>
    public IReadOnlyList<string> StopTokens { get; init; } = [];

    /// <summary>Fingerprint of the tokenizer; null when the file does not say.</summary>
    public string? TokenizerSha256 { get; init; }

    /// <summary>Longest training row in tokens; null when the file does not say.</summary>
    public int? MaxLength { get; init; }

    /// <summary>How answers are found: <c>constrained</c> or <c>generate</c>; null when the file does not say.</summary>
    public string? Decoding { get; init; }

    /// <summary>Type that weights were rounded to before they were quantised for the training, <c>as_stored</c> for none; null when they
    /// were not quantised, or the file does not say.</summary>
    /// <remarks>It moves logits by half a unit: who quantises the base again must round as the training did.</remarks>
    public string? ModelLoadDtype { get; init; }

    /// <summary>Share of an answer's probabilities that the linear baseline in the same folder gives; null where the model answers alone.</summary>
    public double? LinearShare { get; init; }

    /// <summary>Figures reached, e.g. <c>weighted_f1</c>; what is not finite is not written.</summary>
    public IReadOnlyDictionary<string, double> Metrics { get; init; } = new Dictionary<string, double>();

    /// <summary>Seed of the training; null when the file does not say.</summary>
    public long? Seed { get; init; }

    /// <summary>Versions of what made the model, e.g. <c>guanxi</c> and <c>libtorch</c>.</summary>
    public IReadOnlyDictionary<string, string> Versions { get; init; } = new Dictionary<string, string>();

    /// <summary>The model that the training began with; null when the file does not say.</summary>
    public BaseModelIdentity? BaseModel { get; init; }

    /// <summary>Reads the file of a model folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <returns>What it says, or null when the folder has no such file.</returns>
    /// <exception cref="CheckpointException">The file is damaged or of a newer format; all problems are listed.</exception>
    public static ArtifactInfo? TryRead(string folder)
    {
        var path = Path.Combine(folder, FileName);
        return File.Exists(path) ? ArtifactJson.Read(path) : null;
    }

    /// <summary>Writes the file into a model folder, atomically.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void Write(string folder) => AtomicFile.WriteText(Path.Combine(folder, FileName), ArtifactJson.Write(this));

    /// <summary>The labels as a schema.</summary>
    /// <param name="where">What to call the file in an error.</param>
    /// <returns>The schema.</returns>
    /// <exception cref="OptionsException">The labels are fewer than two, or they clash.</exception>
    public RelationSchema ToSchema(string where) =>
        RelationSchema.FromLabels([.. Labels.Select(label => (string[])[label, .. Aliases.GetValueOrDefault(label, [])])], where);

    /// <summary>Refuses a tokenizer that is not the one of the training, and a sequence format that this program does not speak.</summary>
    /// <param name="tokenizer">The tokenizer found with the model.</param>
    /// <param name="folder">The model folder, for the message.</param>
    /// <exception cref="CheckpointException">Something differs; all of it is listed. Where the file is silent nothing is.</exception>
    public void Require(ITokenizer tokenizer, string folder)
    {
        var where = Path.Combine(folder, FileName);
        var problems = new List<Problem>();
        if (TokenizerSha256 is not null && !TokenizerSha256.Equals(tokenizer.Fingerprint, StringComparison.OrdinalIgnoreCase))
        {
            problems.Add(new Problem($"{where}, tokenizer_sha256", "the tokenizer is not the one that the model was trained with",
                TokenizerSha256, tokenizer.Fingerprint,
                "Put the tokenizer files of the training back; with others the model reads different tokens."));
        }

        var stop = tokenizer.EosId is { } eos ? tokenizer.IdToToken(eos) : null;
        if (StopTokens.Count > 0 && (stop is null || !StopTokens.Contains(stop)))
        {
            problems.Add(new Problem($"{where}, stop_tokens", "the tokenizer ends sequences with another token than the training did",
                string.Join(", ", StopTokens), stop ?? "no such token"));
        }

        if (ChatFormat is not null and not InstructionEncoder.Format)
        {
            problems.Add(new Problem($"{where}, chat_format", "the format of question and answer is not known",
                InstructionEncoder.Format, ChatFormat));
        }

        if (problems.Count > 0)
        {
            throw new CheckpointException(problems);
        }
    }

    /// <summary>
    /// Refuses a base model that is neither the one of the training nor a quantised copy of it, or what that one is a copy of.
    /// </summary>
    /// <param name="found">The base model at hand.</param>
    /// <param name="folder">The adapter's folder, for the message.</param>
    /// <exception cref="CheckpointException">It is another; see <see cref="BaseModelIdentity.Fits"/>.</exception>
    public void RequireBase(BaseModelIdentity found, string folder)
    {
        ArgumentNullException.ThrowIfNull(found);
        if (BaseModel?.Fits(found) == false)
        {
            throw new CheckpointException(new Problem(
                $"{Path.Combine(folder, FileName)}, base_model", "the base model is not the one that the adapter was trained on",
                $"{BaseModel.NameOrPath} ({BaseModel.Sha256}) or a quantised copy of it", $"{found.NameOrPath} ({found.Sha256})"));
        }
    }
}
