using Guanxi.Relations.Formats;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.Formats;

public sealed class DatasetReaderTests
{
    private static readonly DatasetReadOptions s_lenient = new() { Lenient = true };
    private static readonly DatasetReadOptions s_unlabelled = new() { RequireLabel = false };

    [Theory]
    [InlineData("label\tcontent\n夫妻\t<e1>甲</e1>和<e2>乙</e2>\n", DatasetFormat.RelationTsv)]
    [InlineData("夫妻\t<e1>甲</e1>和<e2>乙</e2>\n", DatasetFormat.RelationTsv)]
    [InlineData("\uFEFFlabel\tcontent\r\n\r\n夫妻\t<e1>甲</e1>和<e2>乙</e2>\r\n", DatasetFormat.RelationTsv)]
    [InlineData("text\tpeople2\tpeople1\tlabel\n甲和乙\t乙\t甲\t夫妻", DatasetFormat.RelationTsv)]
    [InlineData("label,text,people1,people2\n夫妻,甲和乙,甲,乙\n", DatasetFormat.RelationCsv)]
    [InlineData("\"Label\";\"Text\";people1;people2\n夫妻;\"甲和乙\";甲;\"乙\"\n", DatasetFormat.RelationCsv)]
    [InlineData("关系,句子,人物1,人物2,note\n夫妻,甲和乙,甲,乙,\n,,,,\n", DatasetFormat.RelationCsv)]
    [InlineData("{\"text\":\"甲和乙\",\"people1\":\"甲\",\"people2\":\"乙\",\"label\":\"夫妻\"}\n", DatasetFormat.RelationJsonLines)]
    [InlineData("{\"text\":\"<e1>甲</e1>和<e2>乙</e2>\",\"label\":\"夫妻\"}", DatasetFormat.RelationJsonLines)]
    [InlineData("夫妻 甲$乙$甲和乙\n", DatasetFormat.OlderText)]
    [InlineData("夫妻\t甲$乙$甲和乙\n", DatasetFormat.OlderText)]
    public void Every_relation_form_gives_the_same_row(string text, DatasetFormat format)
    {
        var data = TestRows.Read(text);

        Assert.Equal((format, DatasetKind.Relations), (data.Format, data.Kind));
        var row = Assert.Single(data.Relations);
        Assert.Equal(("甲和乙", "甲", "乙", "夫妻"), (row.Text, row.Person1, row.Person2, row.Label));
        Assert.Equal(1, row.Place.Row);
    }

    [Fact]
    public void Spans_of_json_rows_are_kept()
    {
        var data = TestRows.Read("""{"text":"甲和乙和甲","people1":"甲","people2":"乙","people1_span":[4,5],"people2_span":null,"label":"夫妻"}""");

        Assert.Equal((new TextSpan(4, 5), null), (data.Relations[0].Span1, data.Relations[0].Span2));
    }

    [Fact]
    public void Quoted_cells_may_hold_separators_quotes_and_line_ends()
    {
        var data = TestRows.Read("label,text,people1,people2\n夫妻,\"甲,\"\"和\"\"\r\n\r\n乙\",甲,乙\n好友,甲\"和\"乙,甲,乙\n");

        Assert.Equal(["甲,\"和\"\n\n乙", "甲\"和\"乙"], data.Relations.Select(row => row.Text));
        Assert.Equal([2, 5], data.Relations.Select(row => row.Place.Line));
    }

    [Fact]
    public void Firefly_rows_are_prompts_with_answers()
    {
        var data = TestRows.Read("""
            {"conversation_id": 1, "category": "c", "conversation": [{"human": "问", "assistant": "答"}], "dataset": "d", "system": "令"}
            {"conversation_id": 2, "conversation": [{"human": "a", "assistant": "b"}, {"human": "c", "assistant": "d"}]}
            """);

        Assert.Equal((DatasetFormat.FireflyJsonLines, DatasetKind.Instructions), (data.Format, data.Kind));
        Assert.Equal(("问", "答", "令"), (data.Instructions[0].Human, data.Instructions[0].Assistant, data.Instructions[0].System));
        Assert.Equal(("c", "d", null), (data.Instructions[1].Human, data.Instructions[1].Assistant, data.Instructions[1].System));
        Assert.Equal([new InstructionTurn("a", "b")], data.Instructions[1].Earlier);
    }

    [Fact]
    public void Tokenised_rows_are_taken_as_they_are()
    {
        var data = TestRows.Read("""{"input_ids": [1, 5, 2], "labels": [-100, 5, 2], "attention_mask": [1, 1, 1]}""");

        Assert.Equal((DatasetFormat.TokenizedJsonLines, DatasetKind.Tokenized), (data.Format, data.Kind));
        Assert.Equal([1, 5, 2], data.Tokenized[0].InputIds);
        Assert.Equal([-100, 5, 2], data.Tokenized[0].Labels);
    }

    [Theory]
    [InlineData("亲戚 钱塘老爷$苏州小姐$####出门，侄女####掌灯。", "钱塘老爷出门，侄女苏州小姐掌灯。", 0, 9)]
    [InlineData("亲戚 王安$李德全$###与##来", "李德全与王安来", 4, 0)]
    [InlineData("亲戚 钱塘老爷$李德$###出门，###掌灯。", "钱塘老爷出门，李德掌灯。", 0, 7)]
    public void Masked_names_of_the_older_form_are_put_back(string line, string text, int start1, int start2)
    {
        var row = TestRows.Read(line).Relations[0];

        Assert.Equal((text, start1, start2), (row.Text, row.Span1!.Value.Start, row.Span2!.Value.Start));
    }

    [Theory]
    [InlineData("{\"text\":\"甲和乙\",\"people1\":\"甲\"}", "1:9: there is no <e1>")]
    [InlineData("{\"text\":\"甲和乙\",\"people1\":7,\"people2\":\"乙\"}", "1:25: people1 does not hold a text")]
    [InlineData("{\"text\":\"甲和乙\",\"people1\":\"甲\",\"people2\":\"丙\"}", "1:39: people2 does not occur in the text")]
    [InlineData("{\"text\":\"甲和乙\",\"people1\":\"甲\",\"people2\":\"乙\",\"people1_span\":[0]}", "people1_span is not a span")]
    [InlineData("{\"text\":\"甲和乙\",\"people1\":\"甲\",\"people2\":\"乙\",\"people2_span\":[0,1]}",
        "the span holds another text than the name")]
    [InlineData("{\"text\":\"a\",\"text\":\"b\"}", "not valid JSON")]
    [InlineData("{\"text\":\"\\ud800\",\"people1\":\"a\",\"people2\":\"b\"}", "half of a surrogate pair")]
    [InlineData("{\"text\":\"甲和乙\",\"people1\":\"甲\",", "1:28: the line is not valid JSON")]
    [InlineData("[1]", "the line is not a JSON object")]
    [InlineData("label", "the line is not valid JSON")]
    public void A_bad_json_row_is_named_with_line_and_column(string bad, string message)
    {
        const string Good = """{"text":"甲和乙","people1":"甲","people2":"乙"}""";
        var fault = Assert.Throws<OptionsException>(() => TestRows.Read(bad + "\n" + Good, s_unlabelled));
        var lenient = TestRows.Read(bad + "\n" + Good, s_unlabelled with { Lenient = true });

        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.StartsWith("rows:1:", fault.Problems[0].Where, StringComparison.Ordinal);
        Assert.Equal(2, Assert.Single(lenient.Relations).Place.Row);
        Assert.NotEmpty(lenient.Problems);
    }

    [Theory]
    [InlineData("{\"conversation\": {}}", "conversation is not a list")]
    [InlineData("{\"conversation\": []}", "the conversation is empty")]
    [InlineData("{\"conversation\": [{\"human\": \"a\"}]}", "turn 1 of the conversation has no assistant")]
    [InlineData("{\"conversation\": [{\"human\": \"a\", \"assistant\": \"\"}]}", "has an empty assistant")]
    [InlineData("{\"conversation\": [{\"human\": 1, \"assistant\": \"b\"}]}", "conversation does not hold a text")]
    [InlineData("{\"conversation\": [7]}", "turn 1 of the conversation has no human")]
    [InlineData("{\"input_ids\": [1], \"labels\": [1, 2]}", "there is not one label for each id")]
    [InlineData("{\"input_ids\": [], \"labels\": []}", "there is not one label for each id")]
    [InlineData("{\"input_ids\": [-1], \"labels\": [1]}", "negative")]
    [InlineData("{\"input_ids\": [1], \"labels\": [-100]}", "no position is supervised")]
    [InlineData("{\"input_ids\": [1.5], \"labels\": [1]}", "not a whole number")]
    [InlineData("{\"input_ids\": [1]}", "labels is not a list of numbers")]
    public void A_bad_row_of_another_kind_is_refused(string line, string message) =>
        Assert.Contains(message, Assert.Throws<OptionsException>(() => TestRows.Read(line)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("label\tcontent\n夫妻\t<e1>甲</e1>和乙\n", "rows:2:4: there is no <e2>")]
    [InlineData("label\tcontent\n夫妻\t<e1>甲</e1>和<e2></e2>\n", "rows:2:15: there is no name between")]
    [InlineData("label\tcontent\n夫妻\t<e1>甲</e1>\t<e2>乙</e2>\n",
        "rows:2:15: the row has another number of columns than the header; expected 2; found 3")]
    [InlineData("label\tcontent\n夫妻\n", "rows:2:3: the row has another number of columns")]
    [InlineData("label\tcontent\n\t<e1>甲</e1>和<e2>乙</e2>\n", "rows:2:1: there is no label")]
    [InlineData("label,text,people1,people2\n夫妻,\"甲和乙,甲,乙\n", "rows:2:4: a quotation mark is never closed")]
    [InlineData("label,text,people1,people2\n夫妻,\"甲和乙\",甲,丙\n", "rows:2:12: people2 does not occur in the text")]
    [InlineData("夫妻 甲$乙$甲和乙\n夫妻 甲乙\n", "rows:2:1: the row is not of the form of the others")]
    [InlineData("夫妻 甲$乙$甲和##\n", "rows:1:6: people2 does not occur")]
    public void A_bad_text_row_is_named_with_line_and_column(string text, string message) =>
        Assert.Contains(message, Assert.Throws<OptionsException>(() => TestRows.Read(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Strict_reading_lists_twenty_problems_and_counts_the_rest()
    {
        var text = "label\tcontent\n" + string.Concat(Enumerable.Repeat("夫妻\t<e1>甲</e1>\n", 33)) + "夫妻\t<e1>甲</e1>和<e2>乙</e2>\n";
        var fault = Assert.Throws<OptionsException>(() => TestRows.Read(text));
        var lenient = TestRows.Read(text, s_lenient);

        Assert.Equal(21, fault.Problems.Count);
        Assert.EndsWith("33 bad rows: 13 more problems", fault.Message, StringComparison.Ordinal);
        Assert.Equal((1, 33), (lenient.Examples.Count, lenient.Problems.Count));
        Assert.Equal(34, lenient.Relations[0].Place.Row);
    }

    [Theory]
    [InlineData("", "there is no row of data")]
    [InlineData("\n \n", "there is no row of data")]
    [InlineData("label\tcontent\n", "there is no row of data")]
    [InlineData("[{\"text\": 1}]", "one object a line")]
    [InlineData("some words\nmore words\n", "the form of the data is not known")]
    [InlineData("{\"prompt\": 1}", "the form of the data is not known")]
    public void What_holds_no_known_data_is_refused(string text, string message) =>
        Assert.Contains(message, Assert.Throws<OptionsException>(() => TestRows.Read(text, s_lenient)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_missing_file_or_a_folder_is_refused()
    {
        var missing = Path.Combine(Path.GetTempPath(), "guanxi-no-such-file");

        Assert.Contains("no such file", Assert.Throws<OptionsException>(() => DatasetReader.Read(missing, s_lenient)).Message,
            StringComparison.Ordinal);
        Assert.Contains("a folder", Assert.Throws<OptionsException>(() => DatasetReader.Read(Path.GetTempPath(), s_lenient)).Message,
            StringComparison.Ordinal);
        Assert.Throws<OptionsException>(() => DatasetReader.Read("", s_lenient));
    }

    [Fact]
    public void Rows_are_read_as_they_are_asked_for()
    {
        var stream = TestRows.Utf8("label\tcontent\n" + string.Concat(Enumerable.Repeat("夫妻\t<e1>甲</e1>和<e2>乙</e2>\n", 50_000)));
        using var data = DatasetReader.Open(stream, "rows", new DatasetReadOptions { MaxRows = 7 });

        Assert.Equal(7, data.Rows().Count());
        Assert.True(stream.Position < stream.Length / 2, "the whole stream was read");
    }

    [Fact]
    public void Labels_are_checked_against_a_schema_when_there_is_one()
    {
        var options = new DatasetReadOptions { Schema = RelationSchema.FromData(["夫妻", "不知道"], "data") };
        const string Row = "\t<e1>甲</e1>和<e2>乙</e2>\n";

        Assert.Equal("不知道", TestRows.Read("label\tcontent\n不确定" + Row, options).Relations[0].Label);
        var fault = Assert.Throws<OptionsException>(() => TestRows.Read("label\tcontent\n夫妇" + Row, options));
        Assert.Equal("rows:2:1: the label is not one of the known ones; expected 不知道, 夫妻; found 夫妇. Did you mean 夫妻?", fault.Message);
    }
}
