using Guanxi.Relations;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests;

public sealed class RelationSchemaTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("guanxi-labels-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Usual_aliases_are_read_but_are_no_labels()
    {
        var schema = RelationSchema.FromData(["夫妻", "不知道", "同一个人", "夫妻"], "data");

        Assert.Equal(["不知道", "同一个人", "夫妻"], schema.Labels);
        Assert.Equal("不知道", schema.Canonical("unknown"));
        Assert.Equal("不知道", schema.Canonical(" 不确定 "));
        Assert.Equal(1, schema.IndexOf("同人"));
        Assert.Equal(-1, schema.IndexOf("出生地"));
        Assert.Equal(["unknown", "不确定"], schema.Aliases["不知道"]);
        Assert.False(schema.Aliases.ContainsKey("夫妻"));
    }

    [Fact]
    public void Of_two_spellings_in_the_data_the_commoner_is_canonical()
    {
        var schema = RelationSchema.FromData(["unknown", "同人", "不知道", "unknown", "同人"], "data");

        Assert.Equal(["unknown", "同人"], schema.Labels);
        Assert.Equal("unknown", schema.Canonical("不知道"));
        Assert.Equal("同人", schema.Canonical("同一个人"));
    }

    [Fact]
    public void Labels_of_any_language_are_sorted_by_code_point()
    {
        var schema = RelationSchema.FromData(["\U00020BB7", "\uF900", "spouse", "Sibling"], "data");

        Assert.Equal(["Sibling", "spouse", "\uF900", "\U00020BB7"], schema.Labels);
        Assert.Empty(schema.Aliases);
    }

    [Fact]
    public void The_order_of_rows_does_not_matter()
    {
        string[] rows = ["b", "a", "unknown", "不确定", "c"];

        Assert.Equal(RelationSchema.FromData(rows, "data").Labels, RelationSchema.FromData(rows.Reverse(), "data").Labels);
    }

    [Theory]
    [InlineData("夫 妻", "夫妻")]
    [InlineData("兄弟姐", "兄弟姐妹")]
    [InlineData("unknwon", "不知道")]
    [InlineData("总经理", null)]
    public void An_unknown_label_gets_the_nearest_one_as_a_hint(string spelling, string? expected) =>
        Assert.Equal(expected, RelationSchema.FromData(["夫妻", "兄弟姐妹", "不知道"], "data").Nearest(spelling));

    [Fact]
    public void A_file_gives_order_and_aliases()
    {
        var schema = LabelsFile.Read(Write("\uFEFFspouse = married\r\n\r\nsibling\r\n不知道\r\n"));

        Assert.Equal(["spouse", "sibling", "不知道"], schema.Labels);
        Assert.Equal("spouse", schema.Canonical("married"));
        Assert.Equal("不知道", schema.Canonical("unknown"));
    }

    [Theory]
    [InlineData("""["spouse", "sibling"]""", "spouse")]
    [InlineData("""{"labels": ["sibling", "spouse"], "aliases": {"spouse": ["married"]}}""", "sibling")]
    public void A_json_file_gives_order_and_aliases(string json, string first) =>
        Assert.Equal(first, LabelsFile.Read(Write(json)).Labels[0]);

    [Theory]
    [InlineData("a\nb\na\n", "a stands twice")]
    [InlineData("a\n", "at least two labels")]
    [InlineData("a\nb==c\n", "empty or has white space")]
    [InlineData("不知道\nb\nunknown\n", "mean the same")]
    [InlineData("{\"labels\": [1, 2]}", "cannot be read as JSON")]
    [InlineData("{\"names\": []}", "cannot be read as JSON")]
    [InlineData("[\"a\", null]", "cannot be read as JSON")]
    [InlineData("[\"a\",", "cannot be read as JSON")]
    [InlineData("{\"labels\": [\"a\", \"b\"], \"aliases\": {\"c\": [\"d\"]}}", "belong to no label")]
    public void A_bad_file_is_refused_with_its_name(string content, string what)
    {
        var path = Write(content);
        var fault = Assert.Throws<OptionsException>(() => LabelsFile.Read(path));

        Assert.Contains(what, fault.Message, StringComparison.Ordinal);
        Assert.StartsWith(path, fault.Problems[0].Where, StringComparison.Ordinal);
    }

    [Fact]
    public void A_meaning_scored_twice_is_reported_once()
    {
        var fault = Assert.Throws<OptionsException>(() => RelationSchema.FromLabels([["不知道"], ["unknown"]], "option"));

        Assert.Single(fault.Problems);
    }

    private string Write(string content)
    {
        var path = Path.Combine(_folder, "labels.txt");
        File.WriteAllText(path, content);
        return path;
    }
}
