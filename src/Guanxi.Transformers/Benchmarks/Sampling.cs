using Guanxi.Torch;

namespace Guanxi.Transformers.Benchmarks;

/// <summary>One training step, timed in two halves, with the processor's peak measured before, between and after them.</summary>
/// <param name="ForwardSeconds">Time of the forward pass.</param>
/// <param name="BackwardSeconds">Time of the backward pass, the optimizer's update included where there is one.</param>
/// <param name="PeakBefore">Operations a second.</param>
/// <param name="PeakBetween">Operations a second.</param>
/// <param name="PeakAfter">Operations a second.</param>
internal sealed record BenchmarkSample(
    double ForwardSeconds, double BackwardSeconds, double PeakBefore, double PeakBetween, double PeakAfter)
{
    // A machine that loses more than this during a sample was not the same machine at its beginning and its end.
    private const double TolerableFall = 0.08;

    public double Seconds => ForwardSeconds + BackwardSeconds;

    public double ForwardPeak => (PeakBefore + PeakBetween) / 2;

    public double BackwardPeak => (PeakBetween + PeakAfter) / 2;

    public double Peak => ((ForwardSeconds * ForwardPeak) + (BackwardSeconds * BackwardPeak)) / Seconds;

    public bool IsSteady
    {
        get
        {
            var highest = Math.Max(PeakBefore, Math.Max(PeakBetween, PeakAfter));
            return Math.Min(PeakBefore, Math.Min(PeakBetween, PeakAfter)) >= (1 - TolerableFall) * highest;
        }
    }

    /// <summary>Work this sample could have done at the peak: small is good, and comparable between minutes.</summary>
    public double PeakWork => Seconds * Peak;
}

/// <summary>When to stop taking samples, and what they say.</summary>
/// <param name="Wanted">Steady samples wanted.</param>
/// <param name="Budget">Time after which no more than those are taken.</param>
/// <param name="Limit">Time by which the last sample must be over.</param>
internal sealed record SamplingPlan(int Wanted, TimeSpan Budget, TimeSpan Limit)
{
    // The next sample may take longer than the last one.
    private const double Caution = 1.2;

    /// <summary>Takes samples until there are enough steady ones or the time is up.</summary>
    /// <param name="elapsed">Time since the benchmark began.</param>
    /// <param name="take">Takes one.</param>
    /// <returns>All of them, at least one.</returns>
    public IReadOnlyList<BenchmarkSample> Take(Func<TimeSpan> elapsed, Func<BenchmarkSample> take)
    {
        var samples = new List<BenchmarkSample>();
        var last = TimeSpan.Zero;
        while (samples.Count == 0 || ((Missing(samples) || elapsed() < Budget) && elapsed() + (Caution * last) < Limit))
        {
            var before = elapsed();
            samples.Add(take());
            last = elapsed() - before;
        }

        return samples;
    }

    /// <summary>The samples that count: the steady ones, or all when the machine was never quiet enough for the number wanted.</summary>
    /// <param name="samples">All samples.</param>
    /// <returns>Those, and whether the unsteady ones are among them.</returns>
    public (IReadOnlyList<BenchmarkSample> Kept, bool IsDisturbed) Keep(IReadOnlyList<BenchmarkSample> samples)
    {
        var steady = samples.Where(sample => sample.IsSteady).ToArray();
        return steady.Length >= Math.Min(Wanted, samples.Count) ? (steady, false) : (samples, true);
    }

    /// <summary>The middle one by a measure; of an even number the lower middle.</summary>
    /// <typeparam name="T">Kind of item.</typeparam>
    /// <param name="items">At least one.</param>
    /// <param name="measure">The measure.</param>
    /// <returns>The item.</returns>
    public static T Median<T>(IReadOnlyList<T> items, Func<T, double> measure) => items.OrderBy(measure).ElementAt((items.Count - 1) / 2);

    private bool Missing(List<BenchmarkSample> samples) => samples.Count(sample => sample.IsSteady) < Wanted;
}

/// <summary>Measures the peak for as long as fits the samples: a busy machine needs a longer look.</summary>
/// <param name="computeType">Type of the products.</param>
internal sealed class PeakProbe(DType computeType)
{
    private static readonly TimeSpan s_shortest = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longest = TimeSpan.FromMilliseconds(400);

    /// <summary>Share of a half sample's time that is spent looking.</summary>
    private const double Share = 0.1;

    private TimeSpan _look = s_shortest;

    public double Measure() => PeakMeter.Measure(computeType, TorchRuntime.Threads, _look)
        ?? throw new OptionsException(new Problem(
            "dtype", "this processor has no products of that type whose peak could be measured", "fp32", computeType.ToString()));

    public void Adapt(TimeSpan half)
    {
        var wanted = half * Share;
        _look = wanted < s_shortest ? s_shortest : wanted > s_longest ? s_longest : wanted;
    }
}
