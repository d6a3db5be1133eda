using Guanxi.Relations.DataChecks;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.DataChecks;

public sealed class GroupSplitTests
{
    // 200 sentences, of which every third is there three times with other pairs.
    private static readonly RelationExample[] s_rows =
    [
        .. Enumerable.Range(0, 200).SelectMany(number => Enumerable.Range(0, number % 3 == 0 ? 3 : 1).Select(copy =>
            TestRows.Named($"甲{number}和乙和丙和丁", $"甲{number}", new[] { "乙", "丙", "丁" }[copy]))),
    ];

    [Theory]
    [InlineData(SplitGroup.Sentence)]
    [InlineData(SplitGroup.Pair)]
    public void No_group_is_on_both_sides_and_the_share_is_met(SplitGroup by)
    {
        var parts = GroupSplit.Cut(s_rows, 0.2, 42, by);

        Assert.Equal(s_rows.Length, parts.Kept.Count + parts.CutOff.Count);
        Assert.InRange(parts.CutOff.Count, (0.2 * s_rows.Length) - 1, (0.2 * s_rows.Length) + 1);
        if (by == SplitGroup.Sentence)
        {
            Assert.Empty(parts.Kept.Select(row => row.Text).Intersect(parts.CutOff.Select(row => row.Text)));
        }
    }

    [Fact]
    public void A_pair_is_the_same_in_either_order()
    {
        var rows = Enumerable.Range(0, 40).SelectMany(number =>
            new[] { TestRows.Named($"{number}", $"a{number}", "b"), TestRows.Named($"{number}'", "b", $"a{number}") }).ToArray();
        var parts = GroupSplit.Cut(rows, 0.5, 1, SplitGroup.Pair);

        static string Pair(RelationExample row) => string.Join(' ', new[] { row.Person1, row.Person2 }.Order());
        Assert.Equal(40, parts.CutOff.Count);
        Assert.Empty(parts.Kept.Select(Pair).Intersect(parts.CutOff.Select(Pair)));
    }

    [Fact]
    public void The_seed_decides_and_the_order_of_rows_does_not()
    {
        string[] Texts(IEnumerable<RelationExample> rows, long seed) =>
            [.. GroupSplit.Cut([.. rows], 0.2, seed, SplitGroup.Sentence).CutOff.Select(row => row.Text).Distinct().Order()];

        Assert.Equal(Texts(s_rows, 42), Texts(s_rows.Reverse(), 42));
        Assert.NotEqual(Texts(s_rows, 42), Texts(s_rows, 43));
    }

    [Fact]
    public void Parts_keep_the_order_of_the_rows()
    {
        var parts = GroupSplit.Cut(s_rows, 0.3, 7, SplitGroup.Sentence);

        Assert.Equal(s_rows.Where(parts.CutOff.Contains), parts.CutOff);
        Assert.Equal(s_rows.Where(parts.Kept.Contains), parts.Kept);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(double.NaN)]
    [InlineData(0.0001)]
    public void A_cut_that_leaves_nothing_is_refused(double share) =>
        Assert.Throws<OptionsException>(() => GroupSplit.Cut(s_rows, share, 1, SplitGroup.Sentence));
}
