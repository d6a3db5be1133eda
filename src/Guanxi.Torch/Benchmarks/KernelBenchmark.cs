using System.Globalization;
using System.Text.Json.Nodes;

namespace Guanxi.Torch.Benchmarks;

/// <summary>Time of one pass of an operation in both forms: medians of samples taken in turn.</summary>
/// <param name="Kernel">The operation.</param>
/// <param name="Pass">forward, backward, quantise or dequantise.</param>
/// <param name="Type">Element type of the inputs.</param>
/// <param name="FusedSeconds">The form of <c>Guanxi.Torch</c>.</param>
/// <param name="ComposedSeconds">The form composed of aten operators; null where there is none.</param>
/// <param name="Elements">Elements of the first input.</param>
public sealed record KernelTiming(string Kernel, string Pass, DType Type, double FusedSeconds, double? ComposedSeconds, long Elements)
{
    /// <summary>How many times faster the fused form is.</summary>
    public double? Gain => ComposedSeconds / FusedSeconds;

    /// <summary>Elements of the first input that the fused form brings behind it in a second.</summary>
    public double ElementsPerSecond => Elements / FusedSeconds;

    /// <summary>Makes the object of a report.</summary>
    /// <returns>Names in snake_case, times in seconds.</returns>
    public JsonObject ToJson() => new()
    {
        ["kernel"] = Kernel,
        ["pass"] = Pass,
        ["dtype"] = Type == DType.BFloat16 ? "bf16" : "fp32",
        ["fused_seconds"] = FusedSeconds,
        ["composed_seconds"] = ComposedSeconds,
        ["gain"] = Gain,
        ["elements_per_second"] = ElementsPerSecond,
    };

    /// <summary>One line of a table.</summary>
    /// <returns>Name, pass, type, both times and the gain.</returns>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Kernel,-15} {Pass,-10} {(Type == DType.BFloat16 ? "bf16" : "fp32")} {FusedSeconds * 1e3,9:F2} ms {ComposedSeconds * 1e3,9:F2} ms {Gain,6:F1}x "
        + $"{ElementsPerSecond / 1e9,7:F2} G elements/s");
}

/// <summary>The fused CPU kernels beside the same operations composed of aten operators.</summary>
/// <param name="size">Sizes of the inputs.</param>
/// <param name="samples">Samples of each pass and form.</param>
/// <param name="time">The clock.</param>
public sealed class KernelBenchmark(KernelSizes size, int samples, TimeProvider time)
{
    private const int RopeBase = 10000;

    /// <summary>Runs all cases.</summary>
    /// <param name="progress">Told every result as it comes.</param>
    /// <returns>Forward and backward of every operation and type, then NF4.</returns>
    public IReadOnlyList<KernelTiming> Run(Action<KernelTiming> progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        var results = new List<KernelTiming>();
        var half = size.HeadDim / 2;
        using var table = new RopeTable([.. Enumerable.Range(0, half).Select(i => (float)Math.Pow(RopeBase, -(double)i / half))], size.RowLength);
        foreach (var item in KernelCase.All(size, table))
        {
            foreach (var type in item.Types)
            {
                Report(Passes(item, type));
            }
        }

        Report(FourBit());
        return results;

        void Report(IEnumerable<KernelTiming> timings)
        {
            foreach (var timing in timings)
            {
                results.Add(timing);
                progress(timing);
            }
        }
    }

    private IEnumerable<KernelTiming> Passes(KernelCase item, DType type)
    {
        using var inputs = new Owned(() => item.Inputs(type));
        var elements = inputs.Tensors[0].ElementCount;
        yield return Timing("forward", () => Forward(item.Fused, inputs.Tensors), () => Forward(item.Composed, inputs.Tensors));
        if (item.HasBackward)
        {
            yield return Timing("backward", () => Backward(item.Fused, inputs.Tensors), () => Backward(item.Composed, inputs.Tensors));
        }

        KernelTiming Timing(string pass, Func<double> fused, Func<double> composed)
        {
            var (first, second) = Compare(fused, composed);
            return new KernelTiming(item.Name, pass, type, first, second, elements);
        }
    }

    private IEnumerable<KernelTiming> FourBit()
    {
        using var inputs = new Owned(
            () => [Tensor.Empty([size.Intermediate, size.Heads * size.HeadDim], DType.Float32, Device.Cpu).NormalInPlace(0, 0.02)]);
        using var stored = FourBitTensor.Quantize(inputs.Tensors[0], FourBitKind.Nf4, isDouble: true);
        var seconds = Median(() => Timed(() => FourBitTensor.Quantize(inputs.Tensors[0], FourBitKind.Nf4, isDouble: true).Dispose()));
        yield return new("nf4", "quantise", DType.Float32, seconds, null, stored.ElementCount);
        foreach (var type in (DType[])[DType.Float32, DType.BFloat16])
        {
            var (fused, composed) = Compare(() => Timed(() => stored.Dequantize(type)), () => Timed(() => stored.DequantizeComposed(type)));
            yield return new("nf4", "dequantise", type, fused, composed, stored.ElementCount);
        }
    }

    private double Forward(Func<Tensor[], Tensor> form, Tensor[] inputs)
    {
        using var unrecorded = Autograd.NoGrad();
        return Timed(() => form(inputs));
    }

    private double Backward(Func<Tensor[], Tensor> form, Tensor[] inputs)
    {
        using var scope = TensorScope.Enter();
        var output = form(inputs);
        var gradient = Tensor.Full(output.Shape, 0.5, output.DType, output.Device);
        var seconds = Timed(() => Autograd.Backward([output], [gradient]));
        foreach (var input in inputs)
        {
            input.Grad = null;
        }

        return seconds;
    }

    private double Timed(Action action)
    {
        using var scope = TensorScope.Enter();
        var start = time.GetTimestamp();
        action();
        return time.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Takes the samples of two forms in turn, so that a change of the machine's speed falls on both.</summary>
    private (double First, double Second) Compare(Func<double> first, Func<double> second)
    {
        var (firsts, seconds) = (new List<double>(), new List<double>());
        for (var i = 0; i <= samples; i++)
        {
            firsts.Add(first());
            seconds.Add(second());
        }

        return (MedianOf(firsts), MedianOf(seconds));
    }

    private double Median(Func<double> sample) => MedianOf([.. Enumerable.Range(0, samples + 1).Select(_ => sample())]);

    // The first sample compiles the code and faults the memory in.
    internal static double MedianOf(List<double> values) => values.Skip(1).Order().ElementAt((values.Count - 2) / 2);

    private sealed class Owned : IDisposable
    {
        public Owned(Func<Tensor[]> make)
        {
            using var scope = TensorScope.Enter();
            Tensors = make();
            foreach (var tensor in Tensors)
            {
                scope.Keep(tensor);
            }
        }

        public Tensor[] Tensors { get; }

        public void Dispose()
        {
            foreach (var tensor in Tensors)
            {
                tensor.Dispose();
            }
        }
    }
}
