using Guanxi.Relations;
using Xunit;

namespace Guanxi.Relations.Tests;

public sealed class EntityMarkersTests
{
    [Theory]
    [InlineData("<e1>甲</e1>爱<e2>乙</e2>", "甲爱乙", 0, 1, 2, 3)]
    [InlineData("<e2>乙</e2><e1>甲</e1>", "乙甲", 1, 2, 0, 1)]
    [InlineData("<e1>李<e2>德全</e2></e1>来", "李德全来", 0, 3, 1, 3)]
    [InlineData("看<e1><e2>宋杨</e2></e1>", "看宋杨", 1, 3, 1, 3)]
    [InlineData("<e1>\U00020BB7野</e1>和<e2>乙</e2>", "\U00020BB7野和乙", 0, 3, 4, 5)]
    [InlineData("a < b <e3> </e> <e1> 甲</e1>,<e2>乙</e2>", "a < b <e3> </e>  甲,乙", 16, 18, 19, 20)]
    public void Markers_become_spans_in_utf16_units(string marked, string text, int start1, int end1, int start2, int end2)
    {
        var faults = new List<InputFault>();
        var parsed = EntityMarkers.Parse(marked, faults);

        Assert.Empty(faults);
        Assert.Equal(new MarkedText(text, new TextSpan(start1, end1), new TextSpan(start2, end2)), parsed);
    }

    [Theory]
    [InlineData("no marker", 1, "there is no <e1>")]
    [InlineData("<e1>甲</e1>", 1, "there is no <e2>")]
    [InlineData("<e1>甲</e1>与<e2>乙", 12, "<e2> is never closed")]
    [InlineData("<e1>甲</e1><e1>丙</e1><e2>乙</e2>", 11, "<e1> stands a second time")]
    [InlineData("甲</e1><e1>丙</e1><e2>乙</e2>", 2, "</e1> stands before <e1>")]
    [InlineData("<e1></e1><e2>乙</e2>", 1, "there is no name between <e1> and </e1>")]
    [InlineData("<e1>甲</e1><e2>\u3000 </e2>", 11, "there is no name between <e2> and </e2>")]
    [InlineData("<e1>甲<e2>丙</e1>乙</e2>", 6, "the markers of the two names cross")]
    [InlineData("<e2>甲<e1>丙</e2></e1>", 6, "the markers of the two names cross")]
    public void A_fault_has_a_column_and_a_reason(string marked, int column, string what)
    {
        var faults = new List<InputFault>();

        Assert.Null(EntityMarkers.Parse(marked, faults));
        Assert.Contains(faults, fault => fault.Column == column && fault.What == what);
    }

    [Fact]
    public void All_faults_of_a_sentence_are_listed()
    {
        var faults = new List<InputFault>();

        EntityMarkers.Parse("<e1></e1>和<E2>乙</E2></e1>", faults);

        Assert.Equal(["</e1> stands a second time", "there is no name between <e1> and </e1>", "there is no <e2>"],
            faults.Select(f => f.What));
        Assert.Equal("Markers are written in lower case.", faults[2].Hint);
    }

    [Theory]
    [InlineData("<e1>甲</e1>爱<e2>乙</e2>")]
    [InlineData("<e2>乙</e2><e1>甲</e1>们")]
    [InlineData("<e1>李<e2>德全</e2></e1>来")]
    [InlineData("<e1><e2>德</e2>全</e1>来")]
    [InlineData("<e2><e1>德</e1>全</e2>来")]
    [InlineData("<e1><e2>宋杨</e2></e1>")]
    public void Marking_what_was_parsed_gives_the_same_text(string marked)
    {
        var parsed = EntityMarkers.Parse(marked, [])!;

        Assert.Equal(marked, EntityMarkers.Mark(parsed.Text, parsed.Span1, parsed.Span2));
    }

    [Fact]
    public void Any_mixture_of_markers_gives_spans_or_faults_and_never_an_exception()
    {
        string[] parts = ["<e1>", "</e1>", "<e2>", "</e2>", "甲", "乙", " ", "<", "<e", "</", "e1>", "\uD842"];
        var random = new Random(5);
        var good = 0;
        for (var round = 0; round < 20_000; round++)
        {
            var marked = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ =>
                parts[random.Next(round % 2 == 0 ? 6 : parts.Length)]));
            var faults = new List<InputFault>();
            var parsed = EntityMarkers.Parse(marked, faults);

            Assert.Equal(parsed is null, faults.Count > 0);
            Assert.All(faults, fault => Assert.InRange(fault.Column, 1, Math.Max(1, marked.Length)));
            if (parsed is not null)
            {
                good++;
                Assert.True(parsed.Span1.Fits(parsed.Text.Length) && parsed.Span2.Fits(parsed.Text.Length));
                Assert.Equal(marked.Length - 18, parsed.Text.Length);
            }
        }

        Assert.True(good > 10, $"only {good} good sentences: the mixture tests nothing");
    }
}
