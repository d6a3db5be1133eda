using System.Text.Json;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.Formats;

public sealed class PredictionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("guanxi-predictions-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("{\"gold\": \"夫妻\", \"prediction\": \"unknown\"}\n\n{\"label\": \"不知道\", \"prediction\": \"\"}\n")]
    [InlineData("{\"gold\": \"夫妻\", \"label\": \"unknown\"}\n{\"gold\": \"不知道\", \"label\": \"x\", \"prediction\": \"\"}\n")]
    public void Rows_of_any_system_are_read_without_aliases(string text)
    {
        var set = PredictionFile.Read(Write("p", text), null);

        Assert.Equal(["夫妻", "不知道"], set.Gold);
        Assert.Equal(["unknown", ""], set.Predicted);
    }

    [Fact]
    public void Sentences_and_probabilities_are_taken_where_they_have_our_form()
    {
        const string Text =
            """
            {"text": "甲和乙", "people1": "甲", "people2": "乙", "label": "夫妻", "confidence": 0.75, "probabilities": {"夫妻": 0.75, "好友": 0.25}, "gold": "好友"}
            {"text": "甲和乙", "people1": "甲", "people2": "丙", "label": "夫妻", "confidence": "high", "probabilities": [0.5, 0.5], "gold": "夫妻"}
            {"prediction": "师生", "gold": "师生", "probabilities": {"师生": 0.9, "好友": 0.9}}
            {"prediction": "师生", "gold": "师生", "probabilities": {"师生": 1}}
            """;

        var set = PredictionFile.Read(Write("p", Text), null);

        Assert.Equal(["夫妻", "好友", "师生"], set.Labels);
        Assert.Equal(["甲和乙", "", "", ""], set.Rows.Select(row => row.Example.Text));
        Assert.Equal([0.75, null, null, 1.0], set.Rows.Select(row => row.Prediction?.Confidence));
        Assert.Equal([0.75, 0.25, 0], set.Rows[0].Prediction!.Probabilities);
        Assert.Equal([0, 0, 1], set.Rows[3].Prediction!.Probabilities);
    }

    [Fact]
    public void One_label_a_line_takes_the_gold_from_the_data()
    {
        var data = Write("d", "label\tcontent\n夫妻\t<e1>甲</e1>和<e2>乙</e2>\n好友\t<e1>甲</e1>与<e2>乙</e2>\n");
        var set = PredictionFile.Read(Write("p", "夫妻\r\n\r\n"), data);

        Assert.Equal(["夫妻", "好友"], set.Gold);
        Assert.Equal(["夫妻", ""], set.Predicted);
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        var data = Write("d", "label\tcontent\n夫妻\t<e1>甲</e1>和<e2>乙</e2>\n");
        string Refusal(string text, string? gold) =>
            Assert.Throws<OptionsException>(() => PredictionFile.Read(Write("p", text), gold)).Message;

        Assert.Contains("do not fit the rows", Refusal("夫妻\n好友\n", data), StringComparison.Ordinal);
        Assert.Contains("2 of 2 rows have no true label", Refusal("夫妻\n好友\n", null), StringComparison.Ordinal);
        Assert.Contains("there is no prediction", Refusal("", null), StringComparison.Ordinal);
        Assert.Contains(":2:1: the row has no prediction", Refusal("{\"gold\":\"a\",\"label\":\"b\"}\n{\"label\":\"b\"}\n{", null),
            StringComparison.Ordinal);
        Assert.Contains(":3:2: the line is not valid JSON", Refusal("{\"gold\":\"a\",\"label\":\"b\"}\n{\"label\":\"b\"}\n{", null),
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_answer_is_read_back()
    {
        var row = new PredictionRow(
            TestRows.Marked("<e1>甲</e1>和\u2028<e2>乙</e2>", "好友"), "好友", 0.5, [new("夫妻", 0.25), new("好友", 0.5), new("师生", 0.25)]);
        var json = JsonSerializer.Deserialize<JsonElement>(row.ToJson());

        const string Expected = """
            {"text": "甲和\u2028乙", "people1": "甲", "people2": "乙", "label": "好友", "confidence": 0.5,
            """ + " " + """
            "probabilities": {"夫妻": 0.25, "好友": 0.5, "师生": 0.25}, "gold": "好友"}
            """;
        Assert.Equal(Expected, row.ToJson());
        Assert.Equal("甲和\u2028乙", json.GetProperty("text").GetString());
        Assert.Equal(["好友"], PredictionFile.Read(Write("p", row.ToJson()), null).Predicted);
    }

    [Fact]
    public void A_row_without_gold_or_probabilities_says_so()
    {
        var row = new PredictionRow(TestRows.Named("甲和乙", "甲", "乙"), "出生地", null, []);

        Assert.EndsWith("\"label\": \"出生地\", \"confidence\": null, \"probabilities\": {}}", row.ToJson(), StringComparison.Ordinal);
        Assert.Equal("""{"error": {"row": 3, "message": "there is no text"}}""", PredictionRow.ErrorJson(3, "there is no text"));
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
