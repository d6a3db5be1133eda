namespace Guanxi.Transformers.Checkpoints.Gguf;

/// <summary>A family of models as llama.cpp and as Hugging Face name it.</summary>
/// <param name="Name">Value of <c>general.architecture</c>, and <c>model_type</c> of <c>config.json</c>.</param>
/// <param name="ClassName">Class in transformers.</param>
/// <param name="PairsRotaryRows">
/// Whether rows of query and key stand in pairs that are rotated together, where Hugging Face rotates the first half of a head with the
/// second: llama.cpp's converter reorders them.
/// </param>
/// <param name="IsFused">Whether Hugging Face has query, key and value in one matrix <c>W_pack</c>.</param>
internal sealed record GgufFamily(string Name, string ClassName, bool PairsRotaryRows, bool IsFused)
{
    private static readonly GgufFamily[] s_all =
    [
        new("llama", "LlamaForCausalLM", PairsRotaryRows: true, IsFused: false),
        new("baichuan", "BaichuanForCausalLM", PairsRotaryRows: true, IsFused: true),
        new("qwen2", "Qwen2ForCausalLM", PairsRotaryRows: false, IsFused: false),
        new("qwen3", "Qwen3ForCausalLM", PairsRotaryRows: false, IsFused: false),
    ];

    /// <summary>Names of all families, for messages.</summary>
    public static string Known { get; } = string.Join(", ", s_all.Select(family => family.Name));

    /// <summary>Finds a family.</summary>
    public static GgufFamily? Find(string? name) => Array.Find(s_all, family => family.Name == name);
}

/// <summary>Names of tensors in GGUF files and in Hugging Face's checkpoints.</summary>
/// <remarks>Source: gguf-py/gguf/tensor_mapping.py of ggml-org/llama.cpp.</remarks>
internal static class GgufNames
{
    /// <summary>The three parts of <c>W_pack</c>, in its order, as Hugging Face names them where they are apart.</summary>
    public static readonly string[] FusedParts = ["q_proj", "k_proj", "v_proj"];

    /// <summary>The matrix that holds the three.</summary>
    public const string Fused = "W_pack";

    private const string GgufLayers = "blk.";
    private const string Layers = "model.layers.";

    private static readonly (string Gguf, string Other)[] s_outer =
    [
        ("token_embd", "model.embed_tokens"), ("output_norm", "model.norm"), ("output", "lm_head"),
    ];

    private static readonly (string Gguf, string Other)[] s_inner =
    [
        ("attn_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm"),
        ("attn_q", "self_attn.q_proj"), ("attn_k", "self_attn.k_proj"), ("attn_v", "self_attn.v_proj"), ("attn_output", "self_attn.o_proj"),
        ("attn_q_norm", "self_attn.q_norm"), ("attn_k_norm", "self_attn.k_norm"),
        ("ffn_gate", "mlp.gate_proj"), ("ffn_up", "mlp.up_proj"), ("ffn_down", "mlp.down_proj"),
    ];

    /// <summary>Hugging Face's name of a tensor.</summary>
    /// <param name="name">E.g. <c>blk.0.attn_q.weight</c>.</param>
    /// <returns>E.g. <c>model.layers.0.self_attn.q_proj.weight</c>; the name itself where there is no other.</returns>
    public static string ToOther(string name) => Map(name, GgufLayers, Layers, s_outer, s_inner) ?? name;

    /// <summary>The name in a GGUF file.</summary>
    /// <param name="name">E.g. <c>model.layers.0.self_attn.q_proj.weight</c>.</param>
    /// <returns>E.g. <c>blk.0.attn_q.weight</c>; null where there is none.</returns>
    public static string? ToGguf(string name) =>
        Map(name, Layers, GgufLayers, [.. s_outer.Select(Swap)], [.. s_inner.Select(Swap)]);

    private static (string, string) Swap((string Gguf, string Other) pair) => (pair.Other, pair.Gguf);

    private static string? Map(
        string name, string layers, string otherLayers, (string From, string To)[] outer, (string From, string To)[] inner)
    {
        var end = name.LastIndexOf('.');
        if (end < 0)
        {
            return null;
        }

        var (stem, kind) = (name[..end], name[end..]);
        if (!stem.StartsWith(layers, StringComparison.Ordinal))
        {
            return Array.Find(outer, pair => pair.From == stem).To is { } found ? found + kind : null;
        }

        var rest = stem[layers.Length..];
        var dot = rest.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && !rest.AsSpan(0, dot).ContainsAnyExceptInRange('0', '9')
            && Array.Find(inner, pair => pair.From == rest[(dot + 1)..]).To is { } part
            ? $"{otherLayers}{rest[..dot]}.{part}{kind}"
            : null;
    }
}
