using Guanxi.Relations;
using Xunit;

namespace Guanxi.Relations.Tests;

public sealed class RelationInputTests
{
    private static readonly SourcePlace s_place = new("request", 1, 1);

    [Fact]
    public void Markers_in_the_text_name_the_people()
    {
        var example = Build(new RelationInput("<e1>甲</e1>和<e2>乙</e2>", null, null), out var faults);

        Assert.Empty(faults);
        Assert.Equal(new RelationExample("甲和乙", "甲", "乙", new TextSpan(0, 1), new TextSpan(2, 3), null, s_place), example);
    }

    [Fact]
    public void Names_and_spans_are_taken_as_given()
    {
        var example = Build(new RelationInput("甲和乙和甲", "甲", "乙", new TextSpan(4, 5), new TextSpan(2, 3)), out _);

        Assert.Equal((new TextSpan(4, 5), new TextSpan(2, 3)), Mentions.Locate(example!));
    }

    [Fact]
    public void With_spans_a_marker_in_the_text_is_text()
    {
        var example = Build(new RelationInput("<e1>甲和乙", "甲", "乙", new TextSpan(4, 5)), out var faults);

        Assert.Empty(faults);
        Assert.Equal("<e1>甲和乙", example!.Text);
    }

    [Theory]
    [InlineData(null, "甲", "乙", "empty", "text")]
    [InlineData(" ", "甲", "乙", "empty", "text")]
    [InlineData("甲和乙", "", "乙", "empty", "people1")]
    [InlineData("甲和乙", "甲", "丙", "name-not-in-text", "people2")]
    [InlineData("甲和乙", "甲", null, "marker", "text")]
    [InlineData("<e1>甲</e1>和<e2>乙</e2>", "甲", "丙", "marker", "people2")]
    public void Unusable_input_is_a_fault_of_a_field(string? text, string? person1, string? person2, string rule, string field)
    {
        var example = Build(new RelationInput(text, person1, person2), out var faults);

        Assert.Null(example);
        Assert.Contains(faults, fault => fault.Rule == rule && fault.Field == field);
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(1, 1)]
    [InlineData(2, 9)]
    [InlineData(2, 3)]
    public void A_wrong_span_is_a_fault(int start, int end)
    {
        Assert.Null(Build(new RelationInput("甲和乙", "甲", "乙", new TextSpan(start, end)), out var faults));
        Assert.Equal((DataRules.Span, "people1_span"), (Assert.Single(faults).Rule, faults[0].Field));
    }

    [Fact]
    public void Crossing_spans_are_a_fault_and_nested_ones_are_not()
    {
        Assert.Null(Build(new RelationInput("李德全", "李德", "德全", new TextSpan(0, 2), new TextSpan(1, 3)), out var faults));
        Assert.Equal("the spans of the two names cross", Assert.Single(faults).What);
        Assert.NotNull(Build(new RelationInput("李德全", "李德全", "德全", new TextSpan(0, 3), new TextSpan(1, 3)), out _));
        Assert.Throws<ArgumentException>(() => EntityMarkers.Mark("李德全", new TextSpan(0, 2), new TextSpan(1, 3)));
    }

    [Fact]
    public void Labels_become_canonical_and_unknown_ones_are_faults()
    {
        var schema = RelationSchema.FromData(["夫妻", "不知道"], "data");
        var input = new RelationInput("甲和乙", "甲", "乙", Label: "unknown");
        var faults = new List<InputFault>();

        Assert.Equal("不知道", input.Build(s_place, true, schema, faults)!.Label);
        Assert.Null((input with { Label = "夫" }).Build(s_place, true, schema, faults));
        Assert.Null((input with { Label = null }).Build(s_place, true, schema, faults));
        Assert.Equal([DataRules.LabelUnknown, DataRules.LabelMissing], faults.Select(fault => fault.Rule));
        Assert.Equal("Did you mean 夫妻?", faults[0].Hint);
    }

    [Theory]
    [InlineData("德全和李德全", "德全", "李德全", 0, 3)]
    [InlineData("李德全和德全", "德全", "李德全", 4, 0)]
    [InlineData("李德全来", "李德全", "德全", 0, 1)]
    [InlineData("甲和甲", "甲", "甲", 0, 2)]
    [InlineData("甲来", "甲", "甲", 0, 0)]
    [InlineData("Annabel met Ann and Bo", "Ann", "Bo", 12, 20)]
    [InlineData("Fordham sued Ford", "Ford", "Fordham", 13, 0)]
    [InlineData("Анна и Ан", "Ан", "Анна", 7, 0)]
    [InlineData("公司IBM起诉IBMer社", "IBM", "IBMer", 2, 7)]
    [InlineData("Annabel alone", "Ann", "alone", 0, 8)]
    public void A_name_is_looked_for_outside_the_other_name_and_outside_longer_words(string text, string person1, string person2, int start1, int start2)
    {
        var (first, second) = Mentions.Locate(TestRows.Named(text, person1, person2));

        Assert.Equal((start1, start2), (first.Start, second.Start));
    }

    private static RelationExample? Build(RelationInput input, out List<InputFault> faults)
    {
        faults = [];
        return input.Build(s_place, requireLabel: false, schema: null, faults);
    }
}
