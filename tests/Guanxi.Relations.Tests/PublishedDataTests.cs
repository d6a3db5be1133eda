using Guanxi.Relations.Formats;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Relations.Tests;

/// <summary>The published split has the properties that are known of it, so the reader neither loses nor invents anything.</summary>
public sealed class PublishedDataTests
{
    private static readonly Lazy<(IReadOnlyList<RelationExample> Train, IReadOnlyList<RelationExample> Test)> s_data =
        new(() => (TestRows.Published("train"), TestRows.Published("test")));

    [GoldenFact("data/people-relation")]
    public void Rows_a_label()
    {
        var (train, test) = s_data.Value;
        var counts = RelationSchema.FromData(train.Select(row => row.Label!), "train").Labels
            .Select(label => (label, train.Count(row => row.Label == label), test.Count(row => row.Label == label)))
            .OrderByDescending(row => row.Item2).ThenBy(row => row.label, CodePointOrder.Comparer);

        Assert.Equal((3105, 776), (train.Count, test.Count));
        Assert.Equal(
            [("不知道", 820, 209), ("父母", 496, 128), ("夫妻", 307, 79), ("师生", 215, 37), ("合作", 208, 59), ("兄弟姐妹", 193, 34),
             ("同一个人", 136, 39), ("好友", 122, 30), ("情侣", 122, 31), ("同学", 115, 24), ("上下级", 108, 31), ("亲戚", 93, 24),
             ("同门", 85, 26), ("祖孙", 85, 25)],
            counts);
    }

    [GoldenFact("data/people-relation")]
    public void The_form_is_found_by_content_whatever_the_name()
    {
        var data = DatasetReader.Read(Golden.TrySharedPath("data/people-relation/train.csv")!, new DatasetReadOptions());

        Assert.Equal((DatasetFormat.RelationTsv, 0, new SourcePlace(data.File, 3106, 3105)),
            (data.Format, data.Problems.Count, data.Examples[^1].Place));
    }

    [GoldenFact("data/people-relation")]
    public void Lengths_of_sentences()
    {
        var lengths = All().Select(row => CodePointOrder.Count(row.Text)).Order().ToArray();

        Assert.Equal((44, 92, 217), (lengths[lengths.Length / 2], lengths[(int)(0.95 * lengths.Length)], lengths[^1]));
    }

    [GoldenFact("data/people-relation")]
    public void Names_in_names_and_order()
    {
        var all = All().ToArray();

        Assert.Equal(570, all.Count(row => Mentions.All(row.Text, row.Person1).Count > 1 || Mentions.All(row.Text, row.Person2).Count > 1));
        Assert.Equal(27, all.Count(row => row.Person1.Contains(row.Person2, StringComparison.Ordinal)
            || row.Person2.Contains(row.Person1, StringComparison.Ordinal)));
        Assert.Equal(14, all.Count(row => row.Span1!.Value.Overlaps(row.Span2!.Value)));
        Assert.Equal(3507, all.Count(row => row.Span1!.Value.Start <= row.Span2!.Value.Start));
    }

    [GoldenFact("data/people-relation")]
    public void Marking_again_gives_the_file_back()
    {
        var lines = File.ReadAllLines(Golden.TrySharedPath("data/people-relation/train.csv")!);

        Assert.All(s_data.Value.Train, row =>
            Assert.Equal(lines[row.Place.Line - 1], $"{row.Label}\t{EntityMarkers.Mark(row.Text, row.Span1!.Value, row.Span2!.Value)}"));
    }

    private static IEnumerable<RelationExample> All() => s_data.Value.Train.Concat(s_data.Value.Test);
}
