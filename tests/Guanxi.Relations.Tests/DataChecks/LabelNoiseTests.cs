using Guanxi.Relations.DataChecks;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.DataChecks;

public sealed class LabelNoiseTests
{
    [Fact]
    public void Labels_that_were_changed_come_first()
    {
        (string Label, string Word)[] relations = [("夫妻", "娶了"), ("师生", "教过"), ("父母", "生下")];
        var wrong = new[] { 7, 31, 50 };
        RelationExample[] rows = [.. Enumerable.Range(0, 90).Select(row =>
        {
            var (name1, name2) = ($"{"赵钱孙李周吴郑王冯"[row % 9]}{"一二三四五六七八九十"[row / 9]}", $"{"陈褚卫蒋沈韩杨朱秦尤"[row % 10]}{"东西南北中春夏秋冬"[row / 10]}");
            var relation = relations[row % 3];
            var label = wrong.Contains(row) ? relations[(row + 1) % 3].Label : relation.Label;
            return TestRows.Marked($"听说<e1>{name1}</e1>{relation.Word}<e2>{name2}</e2>。", label, row);
        })];

        var report = LabelNoise.Find(rows, new LabelNoiseOptions { Folds = 3 }, null, CancellationToken.None);

        Assert.Equal(wrong, report.Suspects.Take(3).Select(suspect => suspect.Row.Place.Row).Order());
        Assert.All(report.Suspects.Take(3), suspect => Assert.Equal(relations[suspect.Row.Place.Row % 3].Label, suspect.Suggested));
        Assert.Equal(90, report.Rows);
        Assert.InRange(report.Agreed, 80, 87);
    }

    [Fact]
    public void A_label_must_be_as_probable_as_it_is_on_average_where_it_is_given()
    {
        var schema = RelationSchema.FromLabels([["甲"], ["乙"]], "labels");
        RelationExample Row(string label, int row) => TestRows.Marked("<e1>a</e1>和<e2>b</e2>", label, row);
        RelationExample[] rows = [Row("甲", 1), Row("甲", 2), Row("甲", 3), Row("乙", 4), Row("乙", 5)];

        // 乙 has 0.8 on average where it is given: 0.6 is not enough to contradict 甲, 0.9 is.
        var report = LabelNoise.Judge(rows, schema, [[0.9, 0.1], [0.4, 0.6], [0.1, 0.9], [0.2, 0.8], [0.2, 0.8]]);

        var suspect = Assert.Single(report.Suspects);
        Assert.Equal((3, "乙", 3), (suspect.Row.Place.Row, suspect.Suggested, report.Agreed));
        Assert.Equal(-0.8, suspect.Margin, 1e-12);
    }

    [Fact]
    public void Rows_without_labels_are_refused() => Assert.Throws<OptionsException>(() =>
        LabelNoise.Find([TestRows.Marked("<e1>a</e1>和<e2>b</e2>")], new LabelNoiseOptions(), null, CancellationToken.None));
}
