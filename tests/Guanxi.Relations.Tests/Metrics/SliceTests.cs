using Guanxi.Relations.Metrics;
using Xunit;

namespace Guanxi.Relations.Tests.Metrics;

public sealed class SliceTests
{
    [Fact]
    public void Rows_are_parted_by_sentence_length_and_order()
    {
        EvaluatedRow[] rows =
        [
            Row("<e1>甲</e1>和<e2>乙</e2>", isRight: true), Row("<e1>甲</e1>与<e2>乙</e2>。", isRight: false),
            Row("<e2>乙</e2>的父亲<e1>甲</e1>", isRight: true), Row("<e1>甲</e1>是<e2>乙</e2>的父亲，他说", isRight: true),
        ];

        var slices = Slice.All(rows, new HashSet<string> { "甲和乙", "乙的父亲甲", "别的" });

        Assert.Equal(
            [
                (Slice.BySentence, Slice.InTrain, 2, 1.0), (Slice.BySentence, Slice.NotInTrain, 2, 0.5),
                (Slice.ByLength, "3-3", 1, 1.0), (Slice.ByLength, "4-4", 1, 0.0), (Slice.ByLength, "5-5", 1, 1.0),
                (Slice.ByLength, "9-9", 1, 1.0),
                (Slice.ByOrder, Slice.FirstPersonFirst, 3, 2.0 / 3), (Slice.ByOrder, Slice.SecondPersonFirst, 1, 1.0),
            ],
            slices.Select(slice => (slice.By, slice.Name, slice.Rows, slice.Accuracy)));
        Assert.Equal(Wilson.Of(2, 3, 0.95, "accuracy"), slices[6].AccuracyInterval);
        Assert.Equal(ClassificationReport.Of(["父母", "父母", "父母"], ["父母", "师生", "父母"]).Weighted.F1, slices[6].WeightedF1, 1e-12);
    }

    [Fact]
    public void Every_row_is_in_one_part_of_each_kind_and_equal_lengths_stay_together()
    {
        EvaluatedRow[] rows = [.. Enumerable.Range(0, 40)
            .Select(at => Row($"<e1>甲</e1>和<e2>乙</e2>{new string('说', at < 25 ? 2 : at % 7)}", at % 3 == 0))];

        var parts = Slice.All(rows, null).Where(slice => slice.By == Slice.ByLength).ToArray();

        Assert.InRange(parts.Length, 2, 4);
        Assert.Equal(40, parts.Sum(part => part.Rows));
        int[] ends = [.. parts.SelectMany(part => part.Name.Split('-')).Select(int.Parse)];
        Assert.Equal(ends.Order(), ends);
        Assert.All(parts.Skip(1).Zip(parts), pair => Assert.NotEqual(pair.First.Name.Split('-')[0], pair.Second.Name.Split('-')[1]));
    }

    [Fact]
    public void Rows_without_a_sentence_are_in_no_part()
    {
        var bare = new EvaluatedRow(new RelationExample("", "", "", null, null, "父母", default), "父母", "父母", null, null);

        Assert.Empty(Slice.All([bare], new HashSet<string>()));
    }

    [Fact]
    public void The_surest_errors_come_first_with_the_probability_of_the_truth()
    {
        string[] labels = ["父母", "师生"];
        EvaluatedRow Sure(double confidence, bool isRight) => Row("<e1>甲</e1>和<e2>乙</e2>", isRight) with
        {
            Prediction = new RelationPrediction(isRight ? "父母" : "师生", confidence, isRight ? [confidence, 1 - confidence]
                : [1 - confidence, confidence]),
        };

        var errors = ConfidentError.Of([Sure(0.6, false), Sure(0.99, true), Sure(0.9, false), Row("<e1>甲</e1>和<e2>乙</e2>", false)], labels);

        Assert.Equal([(0.9, 0.1), (0.6, 0.4)], errors.Select(error => (error.Confidence, Math.Round(error.GoldProbability!.Value, 12))));
        Assert.Equal(
            ConfidentError.MostListed, ConfidentError.Of([.. Enumerable.Range(0, 50).Select(_ => Sure(0.7, false))], labels).Count);
    }

    private static EvaluatedRow Row(string marked, bool isRight) =>
        new(TestRows.Marked(marked, "父母"), "父母", isRight ? "父母" : "师生", null, null);
}
