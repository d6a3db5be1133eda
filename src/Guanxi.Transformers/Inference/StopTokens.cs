using System.Text.Json;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;

namespace Guanxi.Transformers.Inference;

/// <summary>The ids at which a model's text ends.</summary>
public static class StopTokens
{
    private const string FileName = "generation_config.json";
    private const string Key = "eos_token_id";
    private const int MaxFileBytes = 1 << 20;

    /// <summary>Finds the ids: those of <c>generation_config.json</c> where it names any, else those of the configuration, and the tokenizer's.</summary>
    /// <param name="model">A loaded model.</param>
    /// <returns>The ids, each once; may be empty.</returns>
    /// <exception cref="CheckpointException">The file is damaged.</exception>
    public static IReadOnlyList<int> Of(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var named = Named(Path.Combine(model.BaseFolder, FileName));
        int[] own = model.Tokenizer?.EosId is { } id ? [id] : [];
        return [.. (named.Count > 0 ? named : model.Config.EosIds).Concat(own).Distinct()];
    }

    private static IReadOnlyList<int> Named(string path)
    {
        if (!File.Exists(path) || !JsonFile.ReadObject(path, MaxFileBytes).TryGetProperty(Key, out var value))
        {
            return [];
        }

        return value.ValueKind switch
        {
            JsonValueKind.Null => [],
            JsonValueKind.Number => [Id(value, path)],
            JsonValueKind.Array => [.. value.EnumerateArray().Select(item => Id(item, path))],
            _ => throw Unfit(value, path),
        };
    }

    private static int Id(JsonElement value, string path) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var id) && id >= 0 ? id : throw Unfit(value, path);

    private static CheckpointException Unfit(JsonElement value, string path) =>
        new(new Problem($"{path}, {Key}", "not a token id", "a number from 0, or a list of them", JsonKeys.Show(value)));
}
