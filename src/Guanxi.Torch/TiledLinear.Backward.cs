using Guanxi.Torch.Kernels;
using Guanxi.Torch.Kernels.Products;

namespace Guanxi.Torch;

/// <content>Gradients.</content>
public static unsafe partial class TiledLinear
{
    /// <summary>Computes the gradients of <see cref="Forward"/>.</summary>
    /// <param name="x">Its input.</param>
    /// <param name="layers">Its layers, with the weights that the backward pass multiplies by.</param>
    /// <param name="middles">What it gave beside the outputs.</param>
    /// <param name="gradients">The outputs' gradients; null where none flowed.</param>
    /// <param name="needsInput">Whether the input's gradient is wanted.</param>
    /// <returns>The input's gradient or null, and those of every layer; owned by the current scope.</returns>
    public static (Tensor? Input, TiledGradients[] Layers) Backward(
        Tensor x, IReadOnlyList<TiledLayer> layers, IReadOnlyList<Tensor?> middles, IReadOnlyList<Tensor?> gradients, bool needsInput)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentNullException.ThrowIfNull(middles);
        ArgumentNullException.ThrowIfNull(gradients);
        using var scope = TensorScope.Enter();
        var input = x.Contiguous();
        var parts = new List<Part>();
        for (var i = 0; i < layers.Count; i++)
        {
            if (gradients[i] is { } gradient)
            {
                parts.Add(PartOf(i, layers[i], gradient.Contiguous(), input.Size(0)));
            }
        }

        var results = new TiledGradients[layers.Count];
        if (parts.Count == 0)
        {
            return (null, results);
        }

        var packed = parts.Where(part => needsInput || part.Packing.Adapter is not null).Select(part => part.Packing).ToArray();
        if (packed.Length > 0)
        {
            GradientPacking.Run(packed, input.Size(0));
        }

        MatrixGradients(parts, middles, input, results);
        foreach (var gradient in results.SelectMany(layer => (Tensor?[])[layer.Down, layer.Up, layer.Weight, layer.Bias]).OfType<Tensor>())
        {
            scope.Keep(gradient);
        }

        return (needsInput ? scope.Keep(InputGradient(parts, input)) : null, results);
    }

    private static Part PartOf(int index, TiledLayer layer, Tensor gradient, long tokens)
    {
        var packed = RowsOf(tokens, gradient.Size(1));
        LowRankGradient? low = null;
        if (layer.Adapter is { } adapter)
        {
            var (width, rank) = (adapter.Up.Size(0), adapter.Up.Size(1));
            var up = PanelsOf(width, rank);
            Packing.Columns(Data(adapter.Up.Contiguous()), rank, up);
            low = new LowRankGradient(
                up, (float)adapter.Scale, RowsOf(tokens, rank), RowsOf(rank, Panels.CountOf(tokens) * Tile.Columns));
        }

        return new Part(index, layer, gradient, new GradientBranch((nint)Data(gradient), packed, low));
    }

    private static void MatrixGradients(List<Part> parts, IReadOnlyList<Tensor?> middles, Tensor input, TiledGradients[] results)
    {
        var (tokens, depth) = (input.Size(0), input.Size(1));
        var branches = new List<TokenBranch>();
        foreach (var part in parts)
        {
            var width = part.Gradient.Size(1);
            Tensor? down = null, up = null, weight = null, bias = null;
            if (part.Packing.Adapter is { } low)
            {
                var adapter = part.Layer.Adapter!;
                down = Tensor.Empty(adapter.Down.Shape, DType.Float32, Device.Cpu);
                up = Tensor.Empty(adapter.Up.Shape, DType.Float32, Device.Cpu);
                var middle = new PackedRows(Data(middles[part.Index]!), low.ByRank.Count, low.ByRank.Depth);
                branches.Add(new TokenBranch(low.ByRank, (nint)Data(input), tokens, depth, adapter.InputDropout, (nint)Data(down), IsTransposed: false));
                branches.Add(new TokenBranch(middle, (nint)Data(part.Gradient), tokens, width, default, (nint)Data(up), IsTransposed: true));
            }

            if (part.Layer.WeightLearns)
            {
                weight = Tensor.Empty([width, depth], DType.Float32, Device.Cpu);
                var turned = RowsOf(width, tokens);
                Packing.TransposedRows(Data(part.Gradient), turned);
                branches.Add(new TokenBranch(turned, (nint)Data(input), tokens, depth, default, (nint)Data(weight), IsTransposed: false));
            }

            if (part.Layer.BiasLearns)
            {
                bias = Tensor.Empty([width], DType.Float32, Device.Cpu);
                ColumnSum.Run(Data(part.Gradient), Data(bias), tokens, checked((int)width));
            }

            results[part.Index] = new TiledGradients(down, up, weight, bias);
        }

        if (branches.Count > 0)
        {
            TokenProduct.Run([.. branches]);
        }
    }

    private static Tensor InputGradient(List<Part> parts, Tensor input)
    {
        var output = Tensor.Empty(input.Shape, DType.Float32, Device.Cpu);
        var terms = new List<BackwardTerm>();
        foreach (var part in parts)
        {
            if (part.Packing.Adapter is { } low)
            {
                var adapter = part.Layer.Adapter!;
                terms.Add(new BackwardTerm(low.ByToken, SourceOf(adapter.Down), adapter.InputDropout));
            }
        }

        terms.AddRange(parts.Select(part => new BackwardTerm(part.Packing.Packed, part.Layer.Weight.Source, default)));
        BackwardProduct.Run([.. terms], input.Size(0), Data(output));
        return output;
    }

    /// <summary>One layer that a gradient flowed to.</summary>
    private sealed record Part(int Index, TiledLayer Layer, Tensor Gradient, GradientBranch Packing);
}
