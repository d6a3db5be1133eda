using Guanxi.Torch.Kernels;
using Guanxi.Torch.Kernels.Products;

namespace Guanxi.Torch;

/// <summary>
/// Linear layers with low-rank adapters beside them, for layers that share their input: y = x W^T + b + scale drop(x) A^T B^T. Weights are
/// brought to Float32 in the cache, piece by piece, and never reach the memory in that form.
/// </summary>
/// <remarks>Without gradients of their own: <see cref="Backward"/> is what a recorded function calls.</remarks>
public static unsafe partial class TiledLinear
{
    /// <summary>Whether the tiles can compute layers: on the CPU, in Float32, with vectors, and inputs of whole groups of a dropout mask if there is one.</summary>
    /// <param name="x">[N, in].</param>
    /// <param name="drops">Whether an adapter has dropout.</param>
    /// <returns>True when they can.</returns>
    public static bool CanApply(Tensor x, bool drops)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.Device.IsCpu && x.DType == DType.Float32 && x.Rank == 2 && x.ElementCount > 0
            && (!drops || x.Size(1) % BackwardProduct.BlockColumns == 0) && KernelLevels.Current != KernelLevel.Scalar;
    }

    /// <summary>Applies the layers.</summary>
    /// <param name="x">[N, in], for which <see cref="CanApply"/> is true.</param>
    /// <param name="layers">At least one.</param>
    /// <param name="onlyGradients">Whether the outputs may be zeros, because only what the gradients need is wanted.</param>
    /// <returns>For every layer [N, out], and what its adapter's gradient needs: null without an adapter. Owned by the current scope.</returns>
    public static (Tensor Output, Tensor? Middle)[] Forward(Tensor x, IReadOnlyList<TiledLayer> layers, bool onlyGradients)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(layers);
        using var scope = TensorScope.Enter();
        var input = x.Contiguous();
        var (tokens, depth) = (input.Size(0), input.Size(1));
        var packed = PanelsOf(depth, tokens);
        Packing.Transposed(Data(input), tokens, packed);
        var (adapters, middles) = Middles(layers, input, packed, tokens);
        Tensor[] outputs = [.. layers.Select(Output)];
        if (!onlyGradients)
        {
            Multiply(layers, packed, tokens, adapters, outputs);
        }

        var results = new (Tensor, Tensor?)[layers.Count];
        for (var i = 0; i < results.Length; i++)
        {
            results[i] = (scope.Keep(outputs[i]), middles[i] is { } middle ? scope.Keep(middle) : null);
        }

        return results;

        Tensor Output(TiledLayer layer) => onlyGradients
            ? Tensor.Zeros([tokens, layer.Weight.Rows], DType.Float32, Device.Cpu)
            : Tensor.Empty([tokens, layer.Weight.Rows], DType.Float32, Device.Cpu);
    }

    private static void Multiply(IReadOnlyList<TiledLayer> layers, Panels packed, long tokens, LowRankBranch?[] adapters, Tensor[] outputs)
    {
        var branches = new ForwardBranch[layers.Count];
        for (var i = 0; i < branches.Length; i++)
        {
            var weight = new ForwardTerm(layers[i].Weight.Source, packed);
            branches[i] = new ForwardBranch(
                adapters[i] is { } adapter ? [weight, new ForwardTerm(SourceOf(layers[i].Adapter!.Up), adapter.Panels)] : [weight],
                layers[i].Bias is { } bias ? (nint)Data(bias) : 0,
                (nint)Data(outputs[i]));
        }

        ForwardProduct.Run(DType.Float32, branches, tokens);
    }

    private static (LowRankBranch?[] Adapters, Tensor?[] Middles) Middles(IReadOnlyList<TiledLayer> layers, Tensor input, Panels packed, long tokens)
    {
        var padded = packed.Count * Tile.Columns;
        var adapters = new LowRankBranch?[layers.Count];
        var middles = new Tensor?[layers.Count];
        for (var i = 0; i < adapters.Length; i++)
        {
            if (layers[i].Adapter is { } adapter)
            {
                var rank = adapter.Down.Size(0);
                middles[i] = Tensor.Empty([PackedRows.Size(rank, padded)], DType.Float32, Device.Cpu);
                adapters[i] = new LowRankBranch(
                    RowsOf(adapter.Down), (float)adapter.Scale, adapter.InputDropout, PanelsOf(rank, tokens), new PackedRows(Data(middles[i]!), rank, padded));
            }
        }

        if (adapters.Any(adapter => adapter is not null))
        {
            LowRankInput.Run([.. adapters.OfType<LowRankBranch>()], Data(input), packed, tokens);
        }

        return (adapters, middles);
    }

    private static MatrixSource SourceOf(Tensor matrix) => StoredMatrix.Of(matrix.Contiguous())!.Source;

    private static Panels PanelsOf(long depth, long columns) =>
        new(Data(Tensor.Empty([Panels.Size(depth, columns)], DType.Float32, Device.Cpu)), depth, columns);

    private static PackedRows RowsOf(long rows, long depth) =>
        new(Data(Tensor.Empty([PackedRows.Size(rows, depth)], DType.Float32, Device.Cpu)), rows, depth);

    private static PackedRows RowsOf(Tensor matrix)
    {
        var packed = RowsOf(matrix.Size(0), matrix.Size(1));
        Packing.Rows(Data(matrix.Contiguous()), packed);
        return packed;
    }

    private static float* Data(Tensor tensor) => (float*)tensor.DataPointer();
}

/// <summary>One layer of a call.</summary>
/// <param name="Weight">[out, in].</param>
/// <param name="Bias">[out], Float32, or null.</param>
/// <param name="Adapter">The adapter, or null.</param>
public sealed record TiledLayer(StoredMatrix Weight, Tensor? Bias, TiledAdapter? Adapter)
{
    /// <summary>Whether the weight's gradient is wanted.</summary>
    /// <value>False.</value>
    public bool WeightLearns { get; init; }

    /// <summary>Whether the bias's gradient is wanted.</summary>
    /// <value>False.</value>
    public bool BiasLearns { get; init; }
}

/// <summary>Gradients of one layer; null where none was wanted or none flowed.</summary>
/// <param name="Down">Of A.</param>
/// <param name="Up">Of B.</param>
/// <param name="Weight">Of the weight.</param>
/// <param name="Bias">Of the bias.</param>
public readonly record struct TiledGradients(Tensor? Down, Tensor? Up, Tensor? Weight, Tensor? Bias);

/// <summary>A low-rank adapter: scale drop(x) A^T B^T.</summary>
/// <param name="Down">A: [r, in], Float32.</param>
/// <param name="Up">B: [out, r], Float32.</param>
/// <param name="Scale">Factor of the product.</param>
/// <param name="DropoutProbability">Share of the input that is dropped; 0 for none.</param>
/// <param name="Key">Names the mask; not read without dropout.</param>
/// <param name="Site">Place in the model.</param>
public sealed record TiledAdapter(Tensor Down, Tensor Up, double Scale, double DropoutProbability, DropoutKey Key, int Site)
{
    internal InputDropout InputDropout => new(DropoutProbability, new DropoutMask(Key.Seed, Key.Step, Key.MicroBatch, Site));
}
