namespace Guanxi.Transformers.Models;

/// <summary>What a family of decoders has that its configuration files do not say, and what it takes for keys they leave out.</summary>
/// <param name="ModelType"><c>model_type</c>.</param>
/// <param name="Architectures">Class names; the first stands for a file that names none.</param>
/// <remarks>The defaults are those of transformers' configuration classes, and of Baichuan's own.</remarks>
internal sealed record DecoderFamily(string ModelType, params string[] Architectures)
{
    /// <summary>Rows of Baichuan2's embedding, by which its published files are told from Baichuan's.</summary>
    public const int Baichuan2VocabularySize = 125_696;

    private const int DefaultWindow = 4096;

    public static IReadOnlyList<DecoderFamily> All { get; } =
    [
        new("llama", "LlamaForCausalLM") { Positions = 2048, BosId = 1, EosIds = [2] },
        new("mistral", "MistralForCausalLM") { Positions = 131_072, KeyValueHeads = 8, BosId = 1, EosIds = [2], Window = DefaultWindow },
        new("qwen2", "Qwen2ForCausalLM")
        {
            Positions = 32_768, KeyValueHeads = 32, HasQueryKeyValueBias = true, Window = DefaultWindow, WindowIsOptional = true,
        },
        new("qwen3", "Qwen3ForCausalLM")
        {
            Positions = 32_768, KeyValueHeads = 32, HeadDim = 128, HasQueryKeyNorm = true, Window = DefaultWindow, WindowIsOptional = true,
        },
        new("baichuan", "BaiChuanForCausalLM", "BaichuanForCausalLM") { Positions = 4096, BosId = 1, EosIds = [2], PadId = 0 },
    ];

    public int Positions { get; init; }

    /// <summary>Key and value heads; null: as many as query heads.</summary>
    public int? KeyValueHeads { get; init; }

    /// <summary>Width of a head; null: what the hidden width leaves each.</summary>
    public int? HeadDim { get; init; }

    public int? BosId { get; init; }

    public int[] EosIds { get; init; } = [];

    public int? PadId { get; init; }

    public bool HasQueryKeyValueBias { get; init; }

    public bool HasQueryKeyNorm { get; init; }

    /// <summary><c>sliding_window</c>; 0: the family has none.</summary>
    public int Window { get; init; }

    /// <summary>Whether the window counts only where <c>use_sliding_window</c> says so, and from layer <c>max_window_layers</c> on.</summary>
    public bool WindowIsOptional { get; init; }

    public bool IsBaichuan => ModelType == "baichuan";

    /// <summary>All families for a message.</summary>
    public static string Supported =>
        string.Join(", ", All.Select(family => $"{family.ModelType} with {string.Join(" or ", family.Architectures)}"));
}
