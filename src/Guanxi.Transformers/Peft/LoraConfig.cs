using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Peft;

/// <summary>Configuration of a LoRA adapter, as PEFT's <c>adapter_config.json</c> holds it.</summary>
/// <remarks>Matching rules: peft/tuners/tuners_utils.py, check_target_module_exists, and peft/utils/other.py, get_pattern_key.</remarks>
public sealed record LoraConfig
{
    /// <summary>File name inside an adapter folder.</summary>
    public const string FileName = "adapter_config.json";

    /// <summary>PEFT's default of <see cref="Rank"/> and <see cref="Alpha"/>.</summary>
    public const int DefaultRank = 8;

    /// <summary>Rank of the two small matrices where <see cref="RankPattern"/> says nothing.</summary>
    public int Rank { get; init; } = DefaultRank;

    /// <summary>Numerator of the scale where <see cref="AlphaPattern"/> says nothing.</summary>
    public double Alpha { get; init; } = DefaultRank;

    /// <summary>Share of the adapter's inputs dropped in training, 0 to below 1.</summary>
    public double Dropout { get; init; }

    /// <summary>Modules that get an adapter.</summary>
    public required ModuleSelector TargetModules { get; init; }

    /// <summary>Modules that get none, though <see cref="TargetModules"/> selects them; null: no exception.</summary>
    public ModuleSelector? ExcludeModules { get; init; }

    /// <summary>Layers that get an adapter; null: all.</summary>
    public LayerFilter? Layers { get; init; }

    /// <summary>Paths, or their ends, of modules that are trained and saved whole.</summary>
    public IReadOnlyList<string> ModulesToSave { get; init; } = [];

    /// <summary>Ranks of single modules.</summary>
    public PatternMap RankPattern { get; init; } = PatternMap.Empty;

    /// <summary>Alphas of single modules.</summary>
    public PatternMap AlphaPattern { get; init; } = PatternMap.Empty;

    /// <summary>Whether the scale is alpha/√r instead of alpha/r (rsLoRA, arXiv 2312.03732).</summary>
    public bool UseRsLora { get; init; }

    /// <summary>Whether magnitude and direction are learnt apart (DoRA, arXiv 2402.09353).</summary>
    public bool UseDora { get; init; }

    /// <summary>PEFT's word for the task, e.g. <c>CAUSAL_LM</c> or <c>SEQ_CLS</c>; null when not said.</summary>
    public string? TaskType { get; init; }

    /// <summary>Name or path of the base model; null when not said.</summary>
    public string? BaseModel { get; init; }

    /// <summary>Revision of the base model; null when not said.</summary>
    public string? Revision { get; init; }

    /// <summary>What was passed over when the file was read, one sentence each; empty for a configuration made in code.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Reads the configuration of an adapter folder.</summary>
    /// <param name="path">The folder, or the configuration file itself.</param>
    /// <returns>The configuration, with unknown keys among its <see cref="Warnings"/>.</returns>
    /// <exception cref="CheckpointException">
    /// The file is missing, damaged, or asks for what is not supported; all problems are listed.
    /// </exception>
    public static LoraConfig Read(string path) =>
        LoraConfigReader.Read(Directory.Exists(path) ? Path.Combine(path, FileName) : path);

    /// <summary>Writes <c>adapter_config.json</c> into an adapter folder, so that PEFT of any version since 2023 loads it.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void Write(string folder) => LoraConfigWriter.Write(this, Path.Combine(folder, FileName));

    /// <summary>Whether a linear layer gets an adapter.</summary>
    /// <param name="modulePath">Its path in the base model, e.g. <c>model.layers.0.self_attn.q_proj</c>.</param>
    /// <returns>True when it does.</returns>
    /// <exception cref="OptionsException">A regular expression takes too long.</exception>
    public bool Targets(string modulePath)
    {
        ArgumentNullException.ThrowIfNull(modulePath);
        if (Saves(modulePath) || ExcludeModules?.Selects(modulePath) == true || !TargetModules.Selects(modulePath))
        {
            return false;
        }

        // A full path names its layer itself, so that the filter does not apply to it.
        return Layers is null || TargetModules.Names.Contains(modulePath) || Layers.Includes(modulePath);
    }

    /// <summary>Whether a module is trained and saved whole.</summary>
    /// <param name="modulePath">Its path in the base model, e.g. <c>lm_head</c>.</param>
    /// <returns>True when <see cref="ModulesToSave"/> names it.</returns>
    public bool Saves(string modulePath) => ModulesToSave.Any(name => ModuleSelector.EndsWith(modulePath, name));

    /// <summary>Rank of a module's adapter.</summary>
    /// <param name="modulePath">Its path in the base model.</param>
    /// <returns>The rank.</returns>
    /// <exception cref="OptionsException">A regular expression takes too long.</exception>
    public int RankOf(string modulePath) => (int)(RankPattern.Find(modulePath) ?? Rank);

    /// <summary>Factor by which the product of a module's small matrices is multiplied.</summary>
    /// <param name="modulePath">Its path in the base model.</param>
    /// <returns>alpha/r, or alpha/√r for rsLoRA.</returns>
    /// <exception cref="OptionsException">A regular expression takes too long.</exception>
    public double ScaleOf(string modulePath)
    {
        var rank = RankOf(modulePath);
        return (AlphaPattern.Find(modulePath) ?? Alpha) / (UseRsLora ? Math.Sqrt(rank) : rank);
    }
}
