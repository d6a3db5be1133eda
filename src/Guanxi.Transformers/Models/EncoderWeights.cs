using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Models;

/// <summary>Weights of an encoder under whatever names a checkpoint has them: with and without <c>bert.</c>, with the
/// <c>gamma</c> and <c>beta</c> of early files; what a new head needs is drawn.</summary>
/// <param name="names">Names in the checkpoint.</param>
/// <param name="weights">Its weights.</param>
/// <param name="fresh">Gives what <paramref name="isFresh"/> names.</param>
/// <param name="isFresh">Whether a weight of this name is drawn, though the checkpoint may have one.</param>
internal sealed class EncoderWeights(IReadOnlySet<string> names, CheckpointWeights weights, WeightSource fresh, Func<string, bool> isFresh)
    : WeightSource
{
    private const string Root = "bert.";

    private static readonly (string Now, string Early)[] s_renamed =
    [
        ("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta"),
    ];

    /// <summary>The name that a checkpoint has for a weight, or the name itself where it has none.</summary>
    public static string Find(IReadOnlySet<string> names, string name)
    {
        string[] paths = name.StartsWith(Root, StringComparison.Ordinal) ? [name, name[Root.Length..]] : [name, Root + name];
        return paths
            .SelectMany(path => s_renamed.Select(item => path.Replace(item.Now, item.Early, StringComparison.Ordinal)).Prepend(path))
            .FirstOrDefault(names.Contains, name);
    }

    /// <summary>Whether a tensor that no part of the model took may be passed over: heads that are not used and tables that are no
    /// weights.</summary>
    public static bool MayBeLeft(string name) =>
        name.EndsWith("embeddings.position_ids", StringComparison.Ordinal)
        || name.StartsWith("cls.", StringComparison.Ordinal)
        || name.StartsWith("classifier.", StringComparison.Ordinal)
        || EntityPairHead.Owns(name);

    /// <inheritdoc/>
    public override Parameter Parameter(string name, WeightStart start, params ReadOnlySpan<long> shape) =>
        isFresh(name) ? fresh.Parameter(name, start, shape) : weights.Parameter(Find(names, name), start, shape);

    /// <inheritdoc/>
    public override LinearWeight LinearWeight(string name, long outputSize, long inputSize) => isFresh(name)
        ? fresh.LinearWeight(name, outputSize, inputSize)
        : weights.LinearWeight(Find(names, name), outputSize, inputSize);
}
