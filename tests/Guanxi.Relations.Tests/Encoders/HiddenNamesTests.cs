using Guanxi.Relations.Encoders;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Xunit;

namespace Guanxi.Relations.Tests.Encoders;

/// <summary>Names that an encoder does not see while it learns.</summary>
public sealed class HiddenNamesTests
{
    private const int Mask = 7;

    // [CLS] 10, a name of three between signs 11, two words, a name of one between signs 12.
    private static EncodedPair Row => new([10, 11, 101, 102, 103, 11, 20, 21, 12, 104, 12, 22], new SpanPair((1, 6), (8, 11)), IsCut: false);

    [Fact]
    public void What_stands_between_the_signs_is_hidden_and_nothing_else()
    {
        using var leaks = new LeakCheck();
        var seen = new HiddenNames(Mask, 0.5).In([.. Enumerable.Repeat(Row, 400)], new DropoutKey(1, 2, 3));

        Assert.All(seen, row => Assert.Equal(Row.Spans, row.Spans));
        Assert.All(seen, row => Assert.Equal([10, 11, 11, 20, 21, 12, 12, 22], row.Ids.Where((_, at) => at is < 2 or (> 4 and not 9))));
        Assert.All(seen, row => Assert.True(row.Ids[2..5] is [Mask, Mask, Mask] or [101, 102, 103]));
        Assert.All(seen, row => Assert.True(row.Ids[9] is Mask or 104));

        // Four outcomes, each with a hundred rows give or take five deviations of the binomial distribution.
        var counts = seen.CountBy(row => (row.Ids[2], row.Ids[9])).ToDictionary();
        Assert.Equal(4, counts.Count);
        Assert.All(counts.Values, count => Assert.InRange(count, 56, 144));
    }

    [Fact]
    public void The_same_step_hides_the_same_names_and_another_step_others()
    {
        int[][] Seen(int step) => [.. new HiddenNames(Mask, 0.3).In([.. Enumerable.Repeat(Row, 50)], new DropoutKey(1, step, 0)).Select(row => row.Ids)];

        Assert.Equal(Seen(5), Seen(5));
        Assert.NotEqual(Seen(5), Seen(6));
        Assert.Equal([10, 11, 101, 102, 103, 11, 20, 21, 12, 104, 12, 22], Row.Ids);
    }
}
