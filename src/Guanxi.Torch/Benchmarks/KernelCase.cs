namespace Guanxi.Torch.Benchmarks;

/// <summary>Sizes of the inputs of a <see cref="KernelBenchmark"/>.</summary>
/// <param name="Rows">Rows of tokens.</param>
/// <param name="RowLength">Tokens of a row.</param>
/// <param name="Heads">Heads of attention.</param>
/// <param name="HeadDim">Width of a head, even.</param>
/// <param name="Intermediate">Width of the feed-forward layer.</param>
/// <param name="Vocabulary">Tokens that the head tells apart.</param>
/// <param name="Supervised">Tokens that it sees.</param>
public sealed record KernelSizes(int Rows, int RowLength, int Heads, int HeadDim, int Intermediate, int Vocabulary, int Supervised)
{
    /// <summary>A layer of a 7B model over 8 rows of 130 tokens.</summary>
    public static KernelSizes SevenBillion { get; } = new(8, 130, 32, 128, 11008, 64000, 24);
}

/// <summary>One operation in its fused form and in the form composed of aten operators.</summary>
/// <param name="Name">The operation.</param>
/// <param name="Inputs">Makes the inputs in a type; those that require gradients are differentiated.</param>
/// <param name="Fused">The form that the models use on the CPU.</param>
/// <param name="Composed">The form that they use elsewhere.</param>
/// <param name="HasBackward">Whether the gradient is timed too.</param>
/// <param name="Types">Types that the operation comes in.</param>
internal sealed record KernelCase(
    string Name,
    Func<DType, Tensor[]> Inputs,
    Func<Tensor[], Tensor> Fused,
    Func<Tensor[], Tensor> Composed,
    bool HasBackward,
    IReadOnlyList<DType> Types)
{
    private const double DropoutRate = 0.05;

    private static readonly DType[] s_activations = [DType.Float32, DType.BFloat16];
    private static readonly DType[] s_single = [DType.Float32];

    /// <summary>All of them.</summary>
    /// <param name="size">Sizes of the inputs.</param>
    /// <param name="table">Angles for the positions and heads.</param>
    public static IEnumerable<KernelCase> All(KernelSizes size, RopeTable table)
    {
        var layout = SequenceLayout.Rows([.. Enumerable.Repeat(size.RowLength, size.Rows)], 0);
        var (tokens, hidden, inner) = (size.Rows * size.RowLength, size.Heads * size.HeadDim, size.Intermediate);
        yield return new("rms_norm", type => [Random(type, tokens, hidden), Random(type, hidden)],
            x => Functional.RmsNorm(x[0], x[1], 1e-6), x => Functional.RmsNormComposed(x[0], x[1], 1e-6), true, s_activations);
        yield return new("swiglu", type => [Random(type, tokens, inner), Random(type, tokens, inner)],
            x => Functional.SwiGlu(x[0], x[1]), x => Functional.SwiGluComposed(x[0], x[1]), true, s_activations);
        var positions = layout.Positions.Select(position => (long)position).ToArray();
        yield return new("rope", type => [Random(type, tokens, size.Heads, size.HeadDim)],
            x => Functional.Rope(x[0], layout, table),
            x => Functional.RopeComposed(x[0], Tensor.From<long>(positions, tokens), table), true, s_activations);
        yield return new("attention", type => [.. Enumerable.Range(0, 3).Select(_ => Random(type, tokens, size.Heads, size.HeadDim))],
            x => Functional.Attention(x[0], x[1], x[2], layout, AttentionPattern.Causal, null, null),
            x => Functional.AttentionComposed(x[0], x[1], x[2], layout, AttentionPattern.Causal, null, null), true, s_activations);
        yield return new("dropout", type => [Random(type, tokens, hidden)],
            x => Functional.Dropout(x[0], DropoutRate, new DropoutKey(1, 1, 0), 0), x => Operators.Dropout.Invoke(x[0], DropoutRate, true), true, s_activations);
        yield return new("cross_entropy", type => [Random(type, size.Supervised, size.Vocabulary), Targets(size)],
            x => Functional.CrossEntropySum(x[0], x[1], 0), x => Functional.CrossEntropyComposed(x[0], x[1], 0), true, s_activations);
        var update = new AdamWSettings(1e-4, 0.9, 0.999, 1e-8, 0.01, 10, 1);
        yield return new("adamw", _ => [.. Enumerable.Range(0, 4).Select(_ => Random(DType.Float32, hidden, size.Supervised).Abs().Detach())],
            x => Updated(Functional.AdamWUpdate, x, update), x => Updated(Functional.AdamWUpdateComposed, x, update), false, s_single);
    }

    private static Tensor Random(DType type, params ReadOnlySpan<long> shape)
    {
        var tensor = Tensor.Empty(shape, DType.Float32, Device.Cpu).UniformInPlace(-1, 1).To(type);
        tensor.RequiresGrad = true;
        return tensor;
    }

    private static Tensor Targets(KernelSizes size) =>
        Tensor.From<long>([.. Enumerable.Range(0, size.Supervised).Select(i => i * 997L % size.Vocabulary)], size.Supervised);

    private static Tensor Updated(Action<Tensor, Tensor, Tensor, Tensor, AdamWSettings> update, Tensor[] tensors, AdamWSettings settings)
    {
        update(tensors[0], tensors[1], tensors[2], tensors[3], settings);
        return tensors[0];
    }
}
