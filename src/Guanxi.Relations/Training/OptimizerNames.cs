using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>What Hugging Face's values of <c>optim</c> do here.</summary>
public static class OptimizerNames
{
    private static readonly Dictionary<string, OptimizerKind> s_kinds = new(StringComparer.Ordinal)
    {
        ["adamw_torch"] = OptimizerKind.AdamW,
        ["adamw_torch_fused"] = OptimizerKind.AdamW,
        ["adamw_hf"] = OptimizerKind.AdamW,
        ["adamw_apex_fused"] = OptimizerKind.AdamW,
        ["paged_adamw"] = OptimizerKind.AdamW,
        ["paged_adamw_32bit"] = OptimizerKind.AdamW,
        ["adamw_8bit"] = OptimizerKind.AdamW8Bit,
        ["adamw_bnb_8bit"] = OptimizerKind.AdamW8Bit,
        ["paged_adamw_8bit"] = OptimizerKind.AdamW8Bit,
        ["sgd"] = OptimizerKind.Sgd,
    };

    /// <summary>All names that are known.</summary>
    public static IReadOnlyCollection<string> All => s_kinds.Keys;

    /// <summary>What a name stands for.</summary>
    /// <param name="name">One of <see cref="All"/>.</param>
    /// <returns>The kind.</returns>
    public static OptimizerKind KindOf(string name) => s_kinds[name];

    /// <summary>Says what a name comes to, for the log.</summary>
    /// <param name="name">One of <see cref="All"/>.</param>
    /// <returns>One sentence.</returns>
    public static string Describe(string name) => $"optim {name}: " + KindOf(name) switch
    {
        OptimizerKind.AdamW => "AdamW as in torch, two moments in 32 bits" + (name.StartsWith("paged", StringComparison.Ordinal) ? "; there is no GPU memory to page" : string.Empty),
        OptimizerKind.AdamW8Bit => $"AdamW with two moments in 8 bits as in bitsandbytes, in 32 bits for tensors below {Optimizer.LeastEightBitElements} elements",
        _ => "gradient descent as torch.optim.SGD without momentum",
    };
}
