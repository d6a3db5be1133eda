using System.Xml.Linq;
using Guanxi.Relations.Comparison;
using Guanxi.Relations.Metrics;
using Guanxi.Relations.Reporting;
using Xunit;

namespace Guanxi.Relations.Tests.Reporting;

public sealed class ReportTests
{
    private const string Hostile = "<img src=x onerror=alert(1)>";

    private static readonly string[] s_labels = ["夫妻", "师生", "父母"];

    [Fact]
    public void The_page_of_an_evaluation_has_every_part_and_asks_for_nothing()
    {
        var evaluation = Evaluate(rows: 63).WithTrained(new HashSet<string> { "甲0和乙" });
        var context = new ReportContext
        {
            Subject = "my model",
            Facts = [KeyValuePair.Create("Model", "runs/my model")],
            Losses = [new ReportCurve("training", [new CurvePoint(1, 2), new CurvePoint(2, double.NaN), new CurvePoint(3, 1)])],
            Scores = [new ReportCurve("weighted f1", [new CurvePoint(1, 0.5), new CurvePoint(3, 0.75)])],
        };

        var page = Parse(EvaluationReport.ToHtml(evaluation, context));

        Assert.Equal(
            ["summary", "labels", "confusion", "confidence", "slices", "errors", "training", "about"],
            page.Descendants("section").Select(section => section.Attribute("id")!.Value));
        Assert.Equal("42 of 63 rows are labelled right, 66.7\u00A0%.", page.Descendants("p")
            .First(p => (string?)p.Attribute("class") == "lead").Value);
        Assert.Equal("en", page.Attribute("lang")!.Value);
        Assert.All(page.Descendants("th").Where(cell => s_labels.Contains(cell.Value)), cell =>
            Assert.Equal("zh-Hans", cell.Attribute("lang")!.Value));
        Assert.DoesNotContain(page.Descendants(), element => element.Name.LocalName is "script" or "link" or "img" or "iframe");
        Assert.DoesNotContain(page.Descendants().Attributes(), attribute =>
            attribute.Name.LocalName is "src" || (attribute.Name.LocalName is "href" && !attribute.Value.StartsWith('#')));
        string[] ids = [.. page.Descendants().Attributes("id").Select(id => id.Value)];
        Assert.Equal(ids.Distinct(), ids);
        Assert.All(page.Descendants().Attributes("aria-labelledby").SelectMany(names => names.Value.Split(' ')), name =>
            Assert.Contains(name, ids));
    }

    [Fact]
    public void Without_probabilities_and_sentences_the_page_leaves_out_what_it_cannot_say()
    {
        EvaluatedRow[] rows = [.. s_labels.Select(label =>
            new EvaluatedRow(new RelationExample("", "", "", null, null, label, default), label, "父母", null, null))];

        var context = new ReportContext { Subject = "p", Losses = [new ReportCurve("training", [new CurvePoint(1, double.NaN)])] };
        var page = Parse(EvaluationReport.ToHtml(Evaluator.Summarise(rows, s_labels, [], null), context));

        Assert.Equal(["summary", "labels", "confusion"], page.Descendants("section").Select(section => section.Attribute("id")!.Value));
    }

    [Fact]
    public void Whatever_data_and_models_say_stays_text()
    {
        var row = new EvaluatedRow(
            TestRows.Named($"甲{Hostile}乙", "甲", "乙", Hostile), Hostile, "</title><script>x</script>",
            new RelationPrediction("x", 0.9, [0.9, 0.1]), null);
        var html = EvaluationReport.ToHtml(
            Evaluator.Summarise([row, row with { Gold = "a" }], ["a"], ["x", Hostile], null),
            new ReportContext { Subject = Hostile, Facts = [KeyValuePair.Create(Hostile, Hostile)] });

        Assert.DoesNotContain(Parse(html).Descendants(), element => element.Name.LocalName is "img" or "script");
        Assert.Contains(Hostile, Parse(html).Element("body")!.Value, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<e1>甲</e1>是<e2>乙</e2>。", "甲|乙")]
    [InlineData("<e2>乙</e2>和<e1>甲</e1>", "乙|甲")]
    [InlineData("<e1><e2>李</e2>世民</e1>", "李世民|李")]
    public void Both_people_are_marked_in_the_sentence(string marked, string names)
    {
        var example = TestRows.Marked(marked);
        var sentence = XElement.Parse(MarkedSentence.Of(example).Text);

        Assert.Equal(example.Text, sentence.Value);
        Assert.Equal(names, string.Join('|', sentence.Descendants("mark").Select(mark => mark.Value)));
        Assert.Equal(example.Person2, sentence.Descendants("mark").Single(mark => (string?)mark.Attribute("class") == "second").Value);
    }

    [Fact]
    public void The_confusion_alone_is_a_drawing_with_its_own_style()
    {
        var drawing = XElement.Parse(EvaluationReport.ConfusionSvg(Evaluate(30).Result.Report));

        Assert.Equal("svg", drawing.Name.LocalName);
        Assert.Contains("prefers-color-scheme: dark", drawing.Elements().First().Value, StringComparison.Ordinal);
    }

    [Fact]
    public void The_page_of_a_comparison_says_what_is_chance_and_colours_only_the_rest()
    {
        string[] gold = [.. Enumerable.Range(0, 300).Select(row => s_labels[row % 3])];
        string[] Wrong(int every) => [.. gold.Select((label, row) => row % every == 1 ? s_labels[(row + 1) % 3] : label)];
        var comparison = SystemComparison.Of(
            gold, [new("weak", [Wrong(3)]), new("good", [Wrong(12)]), new("better", [Wrong(13), Wrong(14)])], 300);

        var page = Parse(ComparisonReport.ToHtml(comparison, new ReportContext { Subject = "three" }));

        Assert.Equal("better scores highest, but 300 rows cannot tell it apart from good.", page.Descendants("p")
            .First(p => (string?)p.Attribute("class") == "lead").Value);
        var cells = page.Descendants("section").Single(section => section.Attribute("id")!.Value == "pairs").Descendants("tbody").Single()
            .Elements("tr")
            .ToDictionary(row => row.Element("th")!.Value, row =>
                row.Elements("td").Select(cell => cell.Attribute("class")!.Value).ToArray());
        Assert.Equal(["same", "same", "better"], cells["better"]);
        Assert.Equal(["worse", "worse", "same"], cells["weak"]);
        Assert.Equal(["summary", "pairs", "labels"], page.Descendants("section").Select(section => section.Attribute("id")!.Value));
    }

    [Fact]
    public void A_clear_winner_is_named()
    {
        string[] gold = [.. Enumerable.Range(0, 300).Select(row => s_labels[row % 3])];
        var comparison = SystemComparison.Of(gold, [new("all", [gold]), new("none", [[.. gold.Select(_ => "夫妻")]])], 200);

        Assert.Equal("all is better than the other; 300 rows are enough to say so.", ComparisonReport.Lead(comparison));
    }

    private static Evaluation Evaluate(int rows) => Evaluator.Summarise(
        [
            .. Enumerable.Range(0, rows).Select(at =>
            {
                var (gold, predicted) = (s_labels[at % 3], s_labels[at % 9 < 3 ? (at + 1) % 3 : at % 3]);
                double[] probabilities = [.. s_labels.Select(label => label == predicted ? 0.8 : 0.1)];
                return new EvaluatedRow(
                    TestRows.Marked($"<e1>甲{at % 5}</e1>和<e2>乙</e2>", gold, at + 1), gold, predicted,
                    new RelationPrediction(predicted, 0.8, probabilities), null);
            }),
        ],
        s_labels, s_labels, TimeSpan.FromSeconds(1));

    private static XElement Parse(string html) => XElement.Parse(html[(html.IndexOf('\n', StringComparison.Ordinal) + 1)..]);
}
