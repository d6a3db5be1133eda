using Guanxi.Torch.Kernels;
using Guanxi.Torch.Kernels.Products;

namespace Guanxi.Torch;

/// <summary>
/// <see cref="TiledLinear"/> in BFloat16, for processors that multiply it: y = x W^T + b + scale x A^T B^T. Weights are rounded to BFloat16 in the
/// cache, piece by piece, and never reach the memory in that form; sums are of Float32. A row's result does not depend on the rows beside it.
/// </summary>
/// <remarks>Without gradients; dropout is what the middles that are given went through.</remarks>
public static unsafe class PairedLinear
{
    /// <summary>Whether products of an input can be computed so: on a CPU that has them in BFloat16, of this type, and of an even width.</summary>
    /// <param name="x">[N, in].</param>
    /// <returns>True when they can.</returns>
    public static bool CanApply(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.Device.IsCpu && x.DType == DType.BFloat16 && x.Rank == 2 && x.ElementCount > 0 && x.Size(1) % PairTile.Pair == 0 && PairTile.IsSupported;
    }

    /// <summary>Whether adapters can be: their ranks are even.</summary>
    /// <param name="layers">The layers.</param>
    /// <returns>True when they can.</returns>
    public static bool CanApply(IReadOnlyList<TiledLayer> layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        return layers.All(layer => layer.Adapter is not { } adapter || adapter.Down.Size(0) % PairTile.Pair == 0);
    }

    /// <summary>Applies layers that share their input.</summary>
    /// <param name="x">[N, in], for which <see cref="CanApply(Tensor)"/> is true.</param>
    /// <param name="layers">At least one; dropout of their adapters is ignored.</param>
    /// <param name="middles">For every layer drop(x) A^T: BFloat16 [N, r], null without an adapter. Null for none: they are computed, without dropout.</param>
    /// <returns>For every layer [N, out]; owned by the current scope.</returns>
    public static Tensor[] Forward(Tensor x, IReadOnlyList<TiledLayer> layers, IReadOnlyList<Tensor?>? middles = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(layers);
        using var scope = TensorScope.Enter();
        var (tokens, packed) = (x.Size(0), PanelsOf(x));
        var outputs = layers.Select(layer => Output(tokens, layer.Weight.Rows)).ToArray();
        middles ??= Middles(layers, packed, tokens);
        var terms = layers.Select(layer => new List<ForwardTerm> { new(layer.Weight.Source, packed) }).ToArray();
        for (var i = 0; i < terms.Length; i++)
        {
            if (layers[i].Adapter is { } adapter)
            {
                terms[i].Add(new ForwardTerm(SourceOf(adapter.Up), PanelsOf(middles[i]! * adapter.Scale)));
            }
        }

        ForwardProduct.Run(DType.BFloat16, [.. layers.Select((layer, i) => Branch(outputs[i], layer.Bias, [.. terms[i]]))], tokens);
        foreach (var output in outputs)
        {
            scope.Keep(output);
        }

        return outputs;
    }

    private static Tensor?[] Middles(IReadOnlyList<TiledLayer> layers, Panels packed, long tokens)
    {
        var middles = layers.Select(layer => layer.Adapter is { } adapter ? Output(tokens, adapter.Down.Size(0)) : null).ToArray();
        var branches = layers.Zip(middles).Where(pair => pair.Second is not null)
            .Select(pair => Branch(pair.Second!, null, new ForwardTerm(SourceOf(pair.First.Adapter!.Down), packed))).ToArray();
        if (branches.Length > 0)
        {
            ForwardProduct.Run(DType.BFloat16, branches, tokens);
        }

        return middles;
    }

    private static Tensor Output(long tokens, long width) => Tensor.Empty([tokens, width], DType.BFloat16, Device.Cpu);

    private static ForwardBranch Branch(Tensor output, Tensor? bias, params ForwardTerm[] terms) =>
        new(terms, bias is null ? 0 : (nint)bias.DataPointer(), (nint)output.DataPointer());

    /// <summary>Two columns beside each other are a cell as they lie there.</summary>
    private static Panels PanelsOf(Tensor x)
    {
        var (input, depth) = (x.Contiguous(), x.Size(1) / PairTile.Pair);
        var panels = new Panels((float*)Tensor.Empty([Panels.Size(depth, x.Size(0))], DType.Float32, Device.Cpu).DataPointer(), depth, x.Size(0));
        Packing.Transposed((float*)input.DataPointer(), x.Size(0), panels);
        return panels;
    }

    private static MatrixSource SourceOf(Tensor matrix) => StoredMatrix.Of(matrix.Contiguous())!.Source;
}
