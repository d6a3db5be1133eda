using Guanxi.Transformers.Models;

namespace Guanxi.Transformers.Inference;

/// <summary>The ids at which a model's text ends.</summary>
public static class StopTokens
{
    /// <summary>Finds the ids: those of <c>generation_config.json</c> where it names any, else those of the configuration, and the tokenizer's.</summary>
    /// <param name="model">A loaded model.</param>
    /// <returns>The ids, each once; may be empty.</returns>
    /// <exception cref="CheckpointException">The file is damaged.</exception>
    public static IReadOnlyList<int> Of(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var named = GenerationConfig.Read(model.BaseFolder, model.Config.VocabularySize).EosIds;
        int[] own = model.Tokenizer?.EosId is { } id ? [id] : [];
        return [.. (named.Count > 0 ? named : model.Config.EosIds).Concat(own).Distinct()];
    }
}
