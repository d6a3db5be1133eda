using System.Text.Json;
using Guanxi.Relations.Comparison;
using Guanxi.Relations.Metrics;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.Metrics;

public sealed class SystemComparisonTests
{
    private const int Rows = 300;
    private const int Resamples = 500;

    private static readonly string[] s_labels = ["父母", "师生", "夫妻"];
    private static readonly string[] s_gold = [.. Enumerable.Range(0, Rows).Select(row => s_labels[row % 3])];

    [Fact]
    public void A_clearly_better_system_is_told_apart_and_the_reading_says_so()
    {
        var comparison = SystemComparison.Of(s_gold, [new("weak", [Wrong(every: 3)]), new("strong", [Wrong(every: 10)])], Resamples);

        var pair = Assert.Single(comparison.Pairs);
        Assert.True(pair.IsToldApart);
        Assert.True(pair.Interval.Low > 0);
        Assert.Equal(McNemar.Of(s_gold, Wrong(3), Wrong(10)).Exact, pair.P);
        Assert.Contains("strong is better than weak by", ComparisonText.Write(comparison), StringComparison.Ordinal);
    }

    [Fact]
    public void Systems_that_differ_by_chance_are_not_told_apart_and_the_rows_needed_are_estimated()
    {
        var comparison = SystemComparison.Of(s_gold, [new("one", [Wrong(every: 10)]), new("other", [Wrong(every: 11)])], Resamples);

        var pair = Assert.Single(comparison.Pairs);
        Assert.False(pair.IsToldApart);
        Assert.True(pair.RowsNeeded > Rows);
        Assert.Contains($"cannot be told apart on {Rows} rows", ComparisonText.Write(comparison), StringComparison.Ordinal);
        Assert.Contains("rows would be needed", ComparisonText.Write(comparison), StringComparison.Ordinal);
    }

    [Fact]
    public void A_difference_as_large_as_the_critical_one_needs_the_rows_there_are()
    {
        var pair = Assert.Single(SystemComparison.Of(s_gold, [new("one", [Wrong(every: 10)]), new("other", [Wrong(every: 11)])], Resamples).Pairs);

        Assert.Equal(Rows * Math.Pow(pair.CriticalDifference / pair.Difference, 2), pair.RowsNeeded!.Value, 1.0);
    }

    [Fact]
    public void Scores_of_each_label_are_the_means_of_the_runs()
    {
        var (first, second) = (Wrong(4), Wrong(9));

        var scores = SystemComparison.Of(s_gold, [new("two", [first, second]), new("one", [first])], 10).Systems[0].PerLabel;

        Assert.Equal(["夫妻", "师生", "父母"], scores.Select(label => label.Label));
        double F1(string[] run) => ClassificationReport.Of(s_gold, run).PerLabel[0].Scores.F1;
        Assert.Equal((F1(first) + F1(second)) / 2, scores[0].Scores.F1, 1e-12);
    }

    [Fact]
    public void Equal_systems_differ_by_nothing()
    {
        var pair = Assert.Single(SystemComparison.Of(s_gold, [new("one", [Wrong(5)]), new("same", [Wrong(5)])], Resamples).Pairs);

        Assert.Equal((0.0, 1.0, 1.0, null), (pair.Difference, pair.P, pair.BootstrapP, pair.RowsNeeded));
    }

    [Fact]
    public void Seeds_of_one_system_are_pooled_and_widen_its_interval()
    {
        var (steady, shaky) = (new ComparedSystem("steady", [Wrong(5), Wrong(5)]), new ComparedSystem("shaky", [Wrong(3), Wrong(15)]));

        var comparison = SystemComparison.Of(s_gold, [steady, shaky], Resamples);

        Assert.Equal(2, comparison.Systems[1].RunScores.Count);
        Assert.Equal(comparison.Systems[1].RunScores.Average(), comparison.Systems[1].WeightedF1);
        Assert.True(Width(comparison.Systems[1].Interval) > 1.5 * Width(comparison.Systems[0].Interval));
        Assert.Null(comparison.Pairs[0].OnlyFirstRight);
        Assert.InRange(comparison.Pairs[0].P, 0, 1);

        static double Width(Interval interval) => interval.High - interval.Low;
    }

    [Fact]
    public void All_pairs_share_one_correction_and_the_json_has_them()
    {
        var comparison = SystemComparison.Of(s_gold, [new("a", [Wrong(3)]), new("b", [Wrong(4)]), new("c", [Wrong(30)])], Resamples);
        var json = JsonSerializer.Deserialize<JsonElement>(ComparisonText.ToJson(comparison));

        Assert.Equal(HolmCorrection.Adjust([.. comparison.Pairs.Select(pair => pair.P)]), comparison.Pairs.Select(pair => pair.AdjustedP));
        Assert.Equal(3, json.GetProperty("pairs").GetArrayLength());
        Assert.Equal(comparison.Pairs[1].AdjustedP, json.GetProperty("pairs")[1].GetProperty("mcnemar_p_holm").GetDouble());
        Assert.Equal(0.95, json.GetProperty("systems")[2].GetProperty("interval").GetProperty("level").GetDouble());
    }

    [Fact]
    public void The_sign_flip_test_agrees_with_McNemars_on_single_runs()
    {
        double[] Right(IReadOnlyList<string> run) => [.. s_gold.Select((label, row) => run[row] == label ? 1.0 : 0.0)];

        var flip = SignFlip.P(Right(Wrong(10)), Right(Wrong(14)), seed: 3);

        // Ten thousand draws of a p near one half are right within three standard errors.
        Assert.Equal(McNemar.Of(s_gold, Wrong(10), Wrong(14)).Exact, flip, 0.02);
    }

    [Fact]
    public void Too_few_systems_and_rows_that_do_not_fit_are_told()
    {
        var told = Assert.Throws<OptionsException>(() => SystemComparison.Of(s_gold, [new("only", [["父母"]])], Resamples));

        Assert.Contains("the predictions are not of the same rows", told.Message, StringComparison.Ordinal);
        Assert.Contains("two systems or more", told.Message, StringComparison.Ordinal);
    }

    private static string[] Wrong(int every) => [.. s_gold.Select((label, row) => row % every == 1 ? s_labels[(Array.IndexOf(s_labels, label) + 1) % 3] : label)];
}
