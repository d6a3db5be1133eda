using Guanxi.Transformers.Benchmarks;
using Xunit;

namespace Guanxi.Transformers.Tests.Benchmarks;

public sealed class SamplingTests
{
    private static readonly SamplingPlan s_plan = new(Wanted: 3, Budget: TimeSpan.FromSeconds(10), Limit: TimeSpan.FromSeconds(100));

    [Theory]
    [InlineData(100, 100, 100, true)]
    [InlineData(100, 93, 95, true)]
    [InlineData(100, 100, 91, false)]
    [InlineData(100, 91, 100, false)]
    [InlineData(91, 100, 100, false)]
    public void A_sample_is_steady_when_the_peak_stayed_within_8_percent(double before, double between, double after, bool steady) =>
        Assert.Equal(steady, new BenchmarkSample(1, 1, before, between, after).IsSteady);

    [Fact]
    public void Shares_are_of_the_peaks_around_each_half()
    {
        var sample = new BenchmarkSample(ForwardSeconds: 1, BackwardSeconds: 3, 80, 100, 60);

        Assert.Equal(90, sample.ForwardPeak);
        Assert.Equal(80, sample.BackwardPeak);
        Assert.Equal(82.5, sample.Peak);
        Assert.Equal(330, sample.PeakWork);
    }

    [Fact]
    public void Samples_are_taken_until_the_budget_is_used_and_as_many_are_steady_as_wanted()
    {
        Assert.Equal(10, Take(1, _ => true).Count);
        Assert.Equal(3, Take(5, _ => true).Count);
        Assert.Equal(12, Take(5, number => number >= 10).Count);
    }

    [Fact]
    public void The_limit_ends_it_with_fewer_and_one_is_always_taken()
    {
        Assert.Equal(2, Take(40, _ => true).Count);
        Assert.Single(Take(1000, _ => true));
    }

    [Fact]
    public void Unsteady_samples_count_only_where_too_few_are_steady()
    {
        Assert.Equal((3, false), Kept(true, true, false, true));
        Assert.Equal((4, true), Kept(true, true, false, false));
        Assert.Equal((2, false), Kept(true, true));

        (int, bool) Kept(params bool[] steady)
        {
            var (kept, isDisturbed) = s_plan.Keep([.. steady.Select(Sample)]);
            return (kept.Count, isDisturbed);
        }
    }

    [Fact]
    public void The_median_is_the_middle_one_or_the_lower_of_two()
    {
        Assert.Equal(3, SamplingPlan.Median([5, 3, 1], item => item));
        Assert.Equal(2, SamplingPlan.Median([4, 1, 3, 2], item => item));
    }

    private static BenchmarkSample Sample(bool steady) => new(1, 1, 100, 100, steady ? 100 : 50);

    private static IReadOnlyList<BenchmarkSample> Take(int seconds, Func<int, bool> isSteady)
    {
        var (elapsed, number) = (TimeSpan.Zero, 0);
        return s_plan.Take(() => elapsed, () =>
        {
            elapsed += TimeSpan.FromSeconds(seconds);
            return Sample(isSteady(++number));
        });
    }
}
