namespace Guanxi.Torch.Benchmarks;

/// <summary>Sizes of a <see cref="LinearBenchmark"/>.</summary>
/// <param name="Matrices">Rows and columns of the matrices.</param>
/// <param name="Tokens">Rows of the inputs.</param>
/// <param name="RotatedBytes">Copies of a matrix are used in turn until they come to this, so that none is still in a cache.</param>
public sealed record LinearSizes(IReadOnlyList<(long Rows, long Columns)> Matrices, IReadOnlyList<long> Tokens, long RotatedBytes)
{
    /// <summary>The matrices of a 7B model.</summary>
    public static LinearSizes SevenBillion { get; } = new([(4096, 4096), (11008, 4096)], [1, 4, 8, 16], 256L << 20);
}

/// <summary>Linear layers over a few tokens beside libtorch's product with the same weights in the compute type.</summary>
/// <param name="sizes">What to multiply.</param>
/// <param name="samples">Samples of each.</param>
/// <param name="time">The clock.</param>
public sealed class LinearBenchmark(LinearSizes sizes, int samples, TimeProvider time)
{
    /// <summary>Runs all cases.</summary>
    /// <param name="computeType">Type of activations and of libtorch's product.</param>
    /// <param name="progress">Told every result as it comes.</param>
    /// <returns>Every matrix and number of tokens, weights in bf16 and in NF4.</returns>
    public IReadOnlyList<LinearTiming> Run(DType computeType, Action<LinearTiming> progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        using var mode = Autograd.NoGrad();
        var results = new List<LinearTiming>();
        foreach (var (rows, columns) in sizes.Matrices)
        {
            using var scope = TensorScope.Enter();
            var source = Tensor.Empty([rows, columns], DType.Float32, Device.Cpu).NormalInPlace(0, 0.02);
            var whole = Copies(rows * columns * computeType.SizeInBytes(), () => source.To(computeType).Clone());
            var elements = rows * columns;
            Measure("bf16", 2 * elements, Copies(2 * elements, () => StoredMatrix.Of(source.To(DType.BFloat16))!));
            var quantized = Copies(elements / 2, () => FourBitTensor.Quantize(source, FourBitKind.Nf4, isDouble: true));
            Measure("nf4", elements / 2 * 33 / 32, Array.ConvertAll(quantized, matrix => StoredMatrix.Of(matrix, DType.Float32)!));
            Array.ForEach(quantized, matrix => matrix.Dispose());

            void Measure(string name, long bytes, StoredMatrix[] matrices)
            {
                var copies = Array.ConvertAll(matrices, matrix => new TiledLayer(matrix, null, null));
                foreach (var tokens in sizes.Tokens)
                {
                    var x = Tensor.Empty([tokens, columns], DType.Float32, Device.Cpu).UniformInPlace(-1, 1).To(computeType);
                    var (own, composed) = Compare(i => Apply(x, copies[i % copies.Length]), i => x.MatrixProduct(whole[i % whole.Length].Transpose(0, 1)));
                    results.Add(new LinearTiming(name, rows, columns, tokens, bytes, own, composed));
                    progress(results[^1]);
                }
            }
        }

        return results;
    }

    private static void Apply(Tensor x, TiledLayer layer) =>
        _ = FewTokenLinear.CanApply(x)
            ? FewTokenLinear.Forward(x, [layer])[0]
            : TiledLinear.Forward(x, [layer], onlyGradients: false)[0].Output;

    private T[] Copies<T>(long bytes, Func<T> make) => [.. Enumerable.Range(0, (int)(1 + (sizes.RotatedBytes / bytes))).Select(_ => make())];

    private (double Own, double Composed) Compare(Action<int> own, Action<int> composed)
    {
        var (first, second) = (new List<double>(), new List<double>());
        for (var i = 0; i <= samples; i++)
        {
            first.Add(Timed(() => own(i)));
            second.Add(Timed(() => composed(i)));
        }

        return (KernelBenchmark.MedianOf(first), KernelBenchmark.MedianOf(second));
    }

    private double Timed(Action action)
    {
        using var scope = TensorScope.Enter();
        var start = time.GetTimestamp();
        action();
        return time.GetElapsedTime(start).TotalSeconds;
    }
}
