using System.Text.Json.Nodes;
using Guanxi.Transformers.Tokenization.ByteLevel;

namespace Guanxi.Transformers.Tokenization.TokenizerFiles;

/// <summary>Writes a byte-level BPE vocabulary as a <c>tokenizer.json</c>.</summary>
internal static class ByteLevelWriter
{
    /// <summary>The content of the file; null when text is cut in a way that only other files name.</summary>
    public static JsonObject? Write(ByteLevelModel model)
    {
        if (ByteLevelForm.Of(model) is not { } form)
        {
            return null;
        }

        return new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray([.. model.Added.Select(AddedEntry)]),
            ["normalizer"] = form.Normalization is { } normal ? new JsonObject { ["type"] = ByteLevelReader.NameOf(normal) } : null,
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray([.. form.Parts(), ByteLevel(form.UsesOwnPattern)]),
            },
            ["post_processor"] = Frame(model),
            ["decoder"] = ByteLevel(usesPattern: true),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = model.UnknownId is { } unknown ? model.Tokens[unknown] : null,
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = false,
                ["byte_fallback"] = false,
                ["ignore_merges"] = model.IgnoresMerges,
                ["vocab"] = Vocabulary(model),
                ["merges"] = new JsonArray([.. model.Merges.Select(merge => (JsonNode)$"{model.Tokens[merge.Left]} {model.Tokens[merge.Right]}")]),
            },
        };
    }

    private static JsonObject Vocabulary(ByteLevelModel model)
    {
        var vocabulary = new JsonObject();
        foreach (var (token, id) in model.Vocabulary.OrderBy(entry => entry.Value))
        {
            vocabulary.Add(token, id);
        }

        return vocabulary;
    }

    private static JsonObject ByteLevel(bool usesPattern) => new()
    {
        ["type"] = "ByteLevel",
        ["add_prefix_space"] = false,
        ["trim_offsets"] = true,
        ["use_regex"] = usesPattern,
    };

    private static JsonObject AddedEntry(AddedToken token) => new()
    {
        ["id"] = token.Id,
        ["content"] = token.Text,
        ["single_word"] = token.IsWord,
        ["lstrip"] = token.StripsLeft,
        ["rstrip"] = token.StripsRight,
        ["normalized"] = token.IsNormalized,
        ["special"] = token.IsSpecial,
    };

    private static JsonObject? Frame(ByteLevelModel model)
    {
        int[] ids = [.. model.Frame.Prefix, .. model.Frame.Suffix];
        if (ids.Length == 0)
        {
            return null;
        }

        JsonNode Token(int id) => new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = model.Tokens[id], ["type_id"] = 0 } };
        var tokens = new JsonObject();
        foreach (var id in ids.Distinct())
        {
            tokens.Add(model.Tokens[id]!, new JsonObject { ["id"] = model.Tokens[id], ["ids"] = new JsonArray(id), ["tokens"] = new JsonArray(model.Tokens[id]) });
        }

        JsonNode text = new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } };
        return new JsonObject
        {
            ["type"] = "TemplateProcessing",
            ["single"] = new JsonArray([.. model.Frame.Prefix.Select(Token), text, .. model.Frame.Suffix.Select(Token)]),
            ["pair"] = new JsonArray(),
            ["special_tokens"] = tokens,
        };
    }
}
