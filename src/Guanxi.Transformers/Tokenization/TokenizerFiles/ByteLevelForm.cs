using System.Text;
using System.Text.Json.Nodes;
using Guanxi.Transformers.Tokenization.ByteLevel;
using Guanxi.Transformers.Tokenization.Unicode;

namespace Guanxi.Transformers.Tokenization.TokenizerFiles;

/// <summary>A way of cutting text before byte-level BPE that has a name in GGUF files, and how a tokenizer.json spells it.</summary>
/// <param name="Name">The name, <c>tokenizer.ggml.pre</c>.</param>
/// <param name="Normalization">Normal form that text is brought to first, or null.</param>
/// <param name="Splitters">What cuts.</param>
/// <param name="Parts">The pre-tokenizers of a tokenizer.json before ByteLevel.</param>
/// <param name="UsesOwnPattern">Whether ByteLevel's own pattern cuts last.</param>
internal sealed record ByteLevelForm(
    string Name, NormalizationForm? Normalization, WordSplitter[] Splitters, Func<JsonNode[]> Parts, bool UsesOwnPattern)
{
    private const string QwenPattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>As GPT-2.</summary>
    public static ByteLevelForm Gpt2 { get; } = new("gpt-2", null, [new Gpt2Splitter()], () => [], UsesOwnPattern: true);

    /// <summary>As Qwen2.</summary>
    public static ByteLevelForm Qwen2 { get; } = new(
        "qwen2", NormalizationForm.FormC, [TiktokenSplitter.Of(QwenPattern)!],
        () =>
        [
            new JsonObject
            {
                ["type"] = "Split",
                ["pattern"] = new JsonObject { ["Regex"] = QwenPattern },
                ["behavior"] = "Isolated",
                ["invert"] = false,
            },
        ],
        UsesOwnPattern: false);

    private static readonly ByteLevelForm[] s_all =
    [
        Gpt2,
        new(
            "smollm", null, [new DigitSplitter(isIndividual: true), new Gpt2Splitter()],
            () => [new JsonObject { ["type"] = "Digits", ["individual_digits"] = true }], UsesOwnPattern: true),
        Qwen2,
    ];

    /// <summary>Names of all, for messages.</summary>
    public static string Known { get; } = string.Join(", ", s_all.Select(form => form.Name));

    /// <summary>What brings a text to the normal form.</summary>
    public UnicodeNormalizer[] Normalizers => Normalization is { } form ? [UnicodeNormalizer.Of(form)] : [];

    /// <summary>Finds a form by its name.</summary>
    public static ByteLevelForm? Find(string? name) => Array.Find(s_all, form => form.Name == name);

    /// <summary>The form of a vocabulary; null when it cuts in a way that has no name.</summary>
    public static ByteLevelForm? Of(ByteLevelModel model) => Array.Find(s_all, form =>
        !model.AddsPrefixSpace && model.Normalizers.SequenceEqual(form.Normalizers)
        && model.Splitters.Select(splitter => splitter.Rule).SequenceEqual(form.Splitters.Select(splitter => splitter.Rule)));
}
