using System.Text;
using System.Text.Json;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>Finds the chat template of a model folder: a file of its own, or a key of tokenizer_config.json.</summary>
internal static class ChatTemplateFile
{
    private const string OwnFile = "chat_template.jinja";
    private const string Key = "chat_template";
    private const string DefaultName = "default";

    private static readonly string[] s_tokens =
        ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"];

    /// <summary>Reads the template, or gives null when the folder has none.</summary>
    public static ChatTemplate? Read(string folder)
    {
        var (own, config) = (Path.Combine(folder, OwnFile), Path.Combine(folder, TokenizerConfig.FileName));
        var root = File.Exists(config) ? JsonFile.ReadObject(config, TokenizerConfig.MostBytes) : default;
        var tokens = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in s_tokens)
        {
            if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty(name, out var token) && Spelling(token) is { } spelling)
            {
                tokens.Add(name, spelling);
            }
        }

        if (File.Exists(own))
        {
            return ChatTemplate.Parse(Encoding.UTF8.GetString(JsonFile.ReadBytes(own, TokenizerConfig.MostBytes)), own, tokens);
        }

        var where = $"{config}, {Key}";
        return root.ValueKind == JsonValueKind.Object && root.TryGetProperty(Key, out var value) && value.ValueKind != JsonValueKind.Null
            ? ChatTemplate.Parse(Text(value, where), where, tokens)
            : null;
    }

    private static string? Spelling(JsonElement token)
    {
        var content = token.ValueKind == JsonValueKind.Object && token.TryGetProperty("content", out var inner) ? inner : token;
        return content.ValueKind == JsonValueKind.String ? content.GetString() : null;
    }

    /// <summary>The template itself; of several the one named default.</summary>
    private static string Text(JsonElement value, string where)
    {
        if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in value.EnumerateArray())
            {
                if (String(item, "name") == DefaultName && String(item, "template") is { } template)
                {
                    return template;
                }
            }
        }

        return value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw new CheckpointException(new Problem(
                where, "this is no chat template", $"a string, or a list with one named '{DefaultName}'", JsonKeys.Show(value)));
    }

    private static string? String(JsonElement item, string key) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
