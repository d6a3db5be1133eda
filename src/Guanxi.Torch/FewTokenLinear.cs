using Guanxi.Torch.Kernels;
using Guanxi.Torch.Kernels.Products;

namespace Guanxi.Torch;

/// <summary>
/// Linear layers over a few tokens, where reading the weights is what takes the time: y = x W^T + b + scale x A^T B^T. Weights go from
/// memory to registers once, in the form they are stored in, and are multiplied there in Float32.
/// </summary>
/// <remarks>Without gradients, and without dropout.</remarks>
public static unsafe class FewTokenLinear
{
    /// <summary>Most tokens for which this is faster than <see cref="TiledLinear"/>.</summary>
    public const int FewTokens = 8;

    /// <summary>Most tokens for which this is faster than <see cref="PairedLinear"/>.</summary>
    public const int FewPairedTokens = 2;

    /// <summary>Most tokens for which this is faster than libtorch's product on a copy of the weights.</summary>
    public const int MostTokens = 16;

    /// <summary>Whether this is the fastest way to apply layers to an input.</summary>
    /// <param name="x">[N, in].</param>
    /// <returns>True on the CPU for few tokens.</returns>
    public static bool CanApply(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.Device.IsCpu && x.Rank == 2 && x.ElementCount > 0 && x.DType is DType.Float32 or DType.BFloat16
            && x.Size(0) <= (TiledLinear.CanApply(x, drops: false) ? FewTokens : PairedLinear.CanApply(x) ? FewPairedTokens : MostTokens);
    }

    /// <summary>Applies layers that share their input.</summary>
    /// <param name="x">[N, in], for which <see cref="CanApply"/> is true.</param>
    /// <param name="layers">At least one; dropout of their adapters is ignored.</param>
    /// <returns>For every layer [N, out] of the type of x, owned by the current scope.</returns>
    public static Tensor[] Forward(Tensor x, IReadOnlyList<TiledLayer> layers)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(layers);
        using var scope = TensorScope.Enter();
        var input = x.To(DType.Float32).Contiguous();
        var outputs = layers.Select(layer => Tensor.Empty([input.Size(0), layer.Weight.Rows], DType.Float32, Device.Cpu)).ToArray();
        FewTokenProduct.Run(Branches(input, [.. layers.Select((layer, i) => new Part(layer.Weight.Source, layer.Bias, 1, Adds: false, outputs[i]))]));
        AddAdapters(input, layers, outputs);
        for (var i = 0; i < outputs.Length; i++)
        {
            outputs[i] = scope.Keep(outputs[i].To(x.DType));
        }

        return outputs;
    }

    private static void AddAdapters(Tensor input, IReadOnlyList<TiledLayer> layers, Tensor[] outputs)
    {
        var adapted = Enumerable.Range(0, layers.Count).Where(i => layers[i].Adapter is not null).ToArray();
        if (adapted.Length == 0)
        {
            return;
        }

        var downs = Array.ConvertAll(adapted, i => SourceOf(layers[i].Adapter!.Down));
        var middles = Array.ConvertAll(downs, down => Tensor.Empty([input.Size(0), down.Rows], DType.Float32, Device.Cpu));
        FewTokenProduct.Run(Branches(input, [.. downs.Select((down, i) => new Part(down, null, 1, Adds: false, middles[i]))]));
        var ups = adapted.SelectMany((layer, i) => Branches(
            middles[i], [new Part(SourceOf(layers[layer].Adapter!.Up), null, (float)layers[layer].Adapter!.Scale, Adds: true, outputs[layer])]));
        FewTokenProduct.Run([.. ups]);
    }

    /// <summary>The input is brought to each order once.</summary>
    private static FewTokenBranch[] Branches(Tensor input, IReadOnlyList<Part> parts)
    {
        var branches = new FewTokenBranch[parts.Count];
        for (var i = 0; i < branches.Length; i++)
        {
            var part = parts[i];
            var same = Array.FindIndex(branches, 0, i, branch => branch.Weight.Order == part.Weight.Order);
            branches[i] = new FewTokenBranch(
                part.Weight, same < 0 ? CellsOf(input, part.Weight.Order) : branches[same].Input,
                part.Bias is null ? 0 : (nint)part.Bias.DataPointer(), part.Scale, part.Adds, (nint)part.Output.DataPointer());
        }

        return branches;
    }

    private static TokenCells CellsOf(Tensor input, ReadOnlySpan<byte> order)
    {
        var (tokens, depth) = (input.Size(0), input.Size(1));
        var cells = new TokenCells(
            (float*)Tensor.Empty([TokenCells.Size(tokens, depth)], DType.Float32, Device.Cpu).DataPointer(), tokens, depth);
        cells.Fill((float*)input.DataPointer(), order);
        return cells;
    }

    private static MatrixSource SourceOf(Tensor matrix) => StoredMatrix.Of(matrix.Contiguous())!.Source;

    private sealed record Part(MatrixSource Weight, Tensor? Bias, float Scale, bool Adds, Tensor Output);
}
