using System.Text;
using System.Text.Json;
using Guanxi.Relations.DataChecks;
using Guanxi.Relations.Prompts;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Relations.Tests.DataChecks;

public sealed class DataCheckerTests : IDisposable
{
    private const string Header = "label\tcontent\n";

    private readonly string _folder = Directory.CreateTempSubdirectory("guanxi-check-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Clean_data_give_no_finding() => Assert.Empty(Check("夫妻\t<e1>甲</e1>和<e2>乙</e2>\n好友\t<e1>丙</e1>和<e2>丁</e2>\n"));

    [Theory]
    [InlineData("夫妻\t<e1>甲</e1>和乙\n", "error marker 1 2 4")]
    [InlineData("夫妻\t<e1>甲</e1>和<e2></e2>\n", "error empty 1 2 15")]
    [InlineData("\t<e1>甲</e1>和<e2>乙</e2>\n", "error label-missing 1 2 1")]
    [InlineData("夫妻\t<e1>李<e2>德全</e2></e1>来\n", "warning marker-nested 1 2 4;warning name-in-name 1 2 4")]
    [InlineData("夫妻\t<e1>甲</e1>和<e2>乙</e2>，甲\n", "warning ambiguous-mention 1 2 4")]
    [InlineData("夫妻\t<e1>德全</e1>和<e2>李德</e2>德全\n", "warning ambiguous-mention 1 2 4")]
    [InlineData("夫妻\t<e1>甲</e1>和<e2>甲乙</e2>\n", "warning ambiguous-mention 1 2 4;warning name-in-name 1 2 4")]
    [InlineData("夫妻\t<e1>甲</e1>和<e2>乙</e2>\n\n夫妻\t<e1>甲</e1>和<e2>乙</e2>\n", "warning duplicate 2 4 4")]
    [InlineData("夫妻\t<e1>甲</e1>和<e2>乙</e2>\n好友\t<e1>甲</e1>和<e2>乙</e2>\n", "error label-conflict 2 3 1")]
    [InlineData("夫妻\t<e1>甲</e1>和<e2>乙</e2>\n夫妻\t<e2>甲</e2>和<e1>乙</e1>\n", "warning both-orders 2 3 4")]
    [InlineData("unknown\t<e1>甲</e1>和<e2>乙</e2>\n不知道\t<e1>甲</e1>与<e2>乙</e2>\n不知道\t<e1>甲</e1>跟<e2>乙</e2>\n", "warning label-spelling 1 2 1")]
    [InlineData("Spouse\t<e1>甲</e1>和<e2>乙</e2>\nｓpouse \t<e1>甲</e1>与<e2>乙</e2>\n", "warning label-spelling 2 3 1")]
    public void Each_rule_finds_its_fault(string rows, string expected) =>
        Assert.Equal(expected, string.Join(';', Check(rows).Select(f =>
            $"{(f.Severity == FindingSeverity.Error ? "error" : "warning")} {f.Rule} {f.Row} {f.Line} {f.Column}")));

    [Fact]
    public void A_long_sentence_counts_characters_not_units()
    {
        var options = new DataCheckOptions { MaxCharacters = 5 };

        Assert.Empty(Check("夫妻\t<e1>甲</e1>和<e2>乙</e2>\U00020BB7\U00020BB7\n", options));
        Assert.Equal(DataRules.TooLong, Assert.Single(Check("夫妻\t<e1>甲</e1>和<e2>乙</e2>\U00020BB7\U00020BB7\U00020BB7\n", options)).Rule);
    }

    [Fact]
    public void Labels_are_held_against_a_schema_or_the_first_file()
    {
        var schema = RelationSchema.FromData(["好友", "不知道"], "data");
        var first = Write("train", Header + "好友\t<e1>甲</e1>和<e2>乙</e2>\n");
        var second = Write("test", Header + "夫妻\t<e1>丙</e1>和<e2>丁</e2>\n");

        Assert.Equal(DataRules.LabelUnknown,
            Assert.Single(Check("夫妻\t<e1>甲</e1>和<e2>乙</e2>\n", new DataCheckOptions { Schema = schema })).Rule);
        var finding = Assert.Single(DataChecker.Check([first, second], new DataCheckOptions()));
        Assert.Equal((DataRules.LabelUnknown, second), (finding.Rule, finding.File));
    }

    [Fact]
    public void Sentences_of_one_file_in_another_are_leaks()
    {
        var first = Write("train", Header + "夫妻\t<e1>甲</e1>和<e2>乙</e2>丙\n");
        var second = Write("test", Header + "夫妻\t<e1>甲</e1>和乙<e2>丙</e2>\n夫妻\t<e1>甲</e1>和<e2>乙</e2>丙\n夫妻\t<e1>甲</e1>和<e2>丁</e2>\n");
        var findings = DataChecker.Check([first, second], new DataCheckOptions());

        Assert.Equal([(1, "with another pair"), (2, "with the same pair")], findings.Select(f => (f.Row, f.Message.Split(", ")[1])));
        Assert.All(findings, finding => Assert.Equal((DataRules.Leakage, second), (finding.Rule, finding.File)));
    }

    [Fact]
    public void Broken_encodings_and_missing_files_are_findings()
    {
        var damaged = Path.Combine(_folder, "damaged");
        File.WriteAllBytes(damaged, [.. Encoding.UTF8.GetBytes(Header + "夫妻\t<e1>甲</e1>和<e2>乙</e2>\n好友\t"), 0xFF, (byte)'\n']);
        var wide = Path.Combine(_folder, "wide");
        File.WriteAllText(wide, Header, Encoding.Unicode);
        var findings = DataChecker.Check([damaged, wide, Path.Combine(_folder, "none")], new DataCheckOptions());

        Assert.Equal([DataRules.Encoding, DataRules.Encoding, DataRules.Unreadable], findings.Select(f => f.Rule));
        Assert.Equal((0, 1, 1), (findings[1].Row, findings[1].Line, findings[1].Column));
        Assert.Equal((2, 3, 4), (findings[0].Row, findings[0].Line, findings[0].Column));
        Assert.All(findings, finding => Assert.Equal(FindingSeverity.Error, finding.Severity));
    }

    [Fact]
    public void What_Windows_leaves_in_a_file_is_told_with_its_place()
    {
        const string Rows = Header + "夫妻\t<e1>甲</e1>和<e2>乙</e2>\r\n好友\t<e1>丙</e1>和<e2>丁</e2>\n";
        var path = Path.Combine(_folder, "windows");
        File.WriteAllText(path, Rows, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        var old = Path.Combine(_folder, "old");
        File.WriteAllText(old, Header + Rows[Header.Length..], Encoding.GetEncoding("gb18030"));

        var findings = DataChecker.Check([path, old], new DataCheckOptions());

        Assert.Equal([(DataRules.Bom, 1), (DataRules.LineEnds, 2)], findings.Where(f => f.File == path).Select(f => (f.Rule, f.Line)));
        Assert.Equal("1 of 3 lines end with CR LF, the others with LF", findings[1].Message);
        var encoding = Assert.Single(findings, f => f.Rule == DataRules.Encoding);
        Assert.Equal((old, 2, 1, FindingSeverity.Error), (encoding.File, encoding.Line, encoding.Column, encoding.Severity));
        Assert.Contains("GB18030", encoding.Message, StringComparison.Ordinal);
        Assert.Contains("--encoding gb18030", encoding.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_of_one_row_among_many_is_told()
    {
        var rows = string.Concat(Enumerable.Range(0, 120).Select(i => $"{(i % 2 == 0 ? "夫妻" : "好友")}\t<e1>甲{i}</e1>和<e2>乙</e2>\n"));

        var finding = Assert.Single(Check(rows + "好反\t<e1>甲</e1>与<e2>乙</e2>\n"));

        Assert.Equal((DataRules.LabelRare, 122), (finding.Rule, finding.Line));
    }

    [Fact]
    public void Columns_are_those_of_the_field()
    {
        var path = Write("rows.csv", "text,people1,people2,label\n甲和乙和甲,甲,乙,夫妻\n");
        var json = Write("rows.jsonl", "{\"text\":\"甲和乙和甲\",\"people1\":\"甲\",\"people2\":\"乙\",\"label\":\"好友\"}\n");

        Assert.Equal(7, Assert.Single(DataChecker.Check([path], new DataCheckOptions())).Column);
        Assert.Equal(27, Assert.Single(DataChecker.Check([json], new DataCheckOptions())).Column);
        Assert.Contains(DataChecker.Check([path, json], new DataCheckOptions()), f => f is { Rule: DataRules.LabelConflict, Column: 53 });
    }

    [Fact]
    public void Rows_of_other_kinds_are_compared_too()
    {
        const string Row = "{\"conversation\":[{\"human\":\"夫妻还是好友？甲和乙\",\"assistant\":\"ANSWER\"}]}\n";
        var path = Write("firefly", string.Concat(new[] { "夫妻", "夫妻", "好友", "不知道" }.Select(answer => Row.Replace("ANSWER", answer, StringComparison.Ordinal))));

        Assert.Equal(
            [DataRules.Duplicate, DataRules.LabelConflict, DataRules.LabelConflict, DataRules.PromptLabel],
            DataChecker.Check([path], new DataCheckOptions()).Select(f => f.Rule).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Damaged_files_give_findings_and_nothing_else()
    {
        var random = new Random(7);
        var clean = Encoding.UTF8.GetBytes(Header + string.Concat(Enumerable.Range(0, 8).Select(i => $"夫妻\t<e1>甲{i}</e1>和<e2>乙</e2>，李德全来\r\n")));
        string[] pieces = ["<e1>", "</e1>", "<e2>", "</e2>", "\t", "\n", "\0", "\uFEFF", "夫", "{", "\"", "$"];
        for (var round = 0; round < 300; round++)
        {
            var bytes = clean.ToList();
            for (var change = random.Next(1, 4); change > 0; change--)
            {
                var at = random.Next(bytes.Count);
                switch (random.Next(3))
                {
                    case 0:
                        bytes[at] = (byte)random.Next(256);
                        break;
                    case 1:
                        bytes.RemoveRange(at, Math.Min(random.Next(1, 12), bytes.Count - at));
                        break;
                    default:
                        bytes.InsertRange(at, Encoding.UTF8.GetBytes(pieces[random.Next(pieces.Length)]));
                        break;
                }
            }

            var path = Path.Combine(_folder, "damaged");
            File.WriteAllBytes(path, [.. bytes]);
            Assert.All(DataChecker.Check([path], new DataCheckOptions()), finding =>
            {
                Assert.Equal(path, finding.File);
                Assert.True(finding is { Column: >= 1, Line: >= 0, Message.Length: > 0, Hint.Length: > 0 }, $"{finding}");
            });
        }
    }

    [Fact]
    public void A_finding_is_one_line_of_json()
    {
        var json = new Finding(FindingSeverity.Warning, DataRules.Duplicate, "a.csv", 2, 3, 1, "the row repeats x").ToJson();

        const string Expected = """
            {"severity": "warning", "rule": "duplicate", "file": "a.csv", "row": 2, "line": 3, "column": 1, "message": "the row repeats x. Leave one of the two out."}
            """;
        Assert.Equal(Expected, json);
        Assert.Equal(7, JsonSerializer.Deserialize<JsonElement>(json).EnumerateObject().Count());
    }

    [Fact]
    public void The_article_s_prompt_spells_one_label_otherwise()
    {
        var schema = RelationSchema.FromData(["不知道", "夫妻", "父母", "好友", "对手"], "data");
        var article = PromptTemplate.Parse(PromptTemplate.Article, [], "prompt_template");
        var findings = PromptLabelCheck.Check(article, schema, "prompt_template");

        Assert.Equal(["the prompt says 不确定 where the answers say 不知道", "the prompt does not list the label 对手"],
            findings.Select(f => f.Message));
        Assert.Empty(PromptLabelCheck.Check(PromptTemplate.Parse("{labels}{text}", schema.Labels, "p"), schema, "p"));
        Assert.Empty(PromptLabelCheck.Check(PromptTemplate.Parse(PromptTemplate.Masked, [], "p"), schema, "p"));
    }

    [GoldenFact("data/people-relation")]
    public void The_published_data_have_the_known_faults()
    {
        var folder = Golden.TrySharedPath("data/people-relation")!;
        var findings = DataChecker.Check([Path.Combine(folder, "train.csv"), Path.Combine(folder, "test.csv")], new DataCheckOptions());
        var counts = findings.GroupBy(finding => finding.Rule).ToDictionary(group => group.Key, group => group.Count());

        Assert.Equal(570, findings.Where(f => f.Rule == DataRules.AmbiguousMention).DistinctBy(f => (f.File, f.Row)).Count());
        Assert.Equal((14, 27), (counts[DataRules.MarkerNested], counts[DataRules.NameInName]));
        Assert.Equal((8, 4, 355), (counts[DataRules.LabelConflict], counts[DataRules.BothOrders], counts[DataRules.Leakage]));
        Assert.Equal(20, findings.Count(f => f.Rule == DataRules.Leakage
            && f.Message.EndsWith("with the same pair", StringComparison.Ordinal)));
        Assert.Equal(7, counts.Count);
    }

    [GoldenFact("data/people-relation")]
    public void The_published_data_have_the_known_numbers()
    {
        var folder = Golden.TrySharedPath("data/people-relation")!;
        var files = DataStatistics.Of([Path.Combine(folder, "train.csv"), Path.Combine(folder, "test.csv")]);
        int Both(Func<FileStatistics, int> count) => files.Sum(count);

        Assert.Equal((3881, 570, 27), (Both(f => f.Rows), Both(f => f.Mentions.AmbiguousRows), Both(f => f.Mentions.NameInNameRows)));
        Assert.Equal((14, 14, 3507), (Both(f => f.Mentions.WrongFirstMentionRows), Both(f => f.Mentions.NestedRows), Both(f => f.Mentions.FirstPersonFirst)));
        Assert.Equal((8, 4), (Both(f => f.Conflicts), Both(f => f.BothOrders)));
        Assert.Equal((0, 0, 355, 20), (files[0].LeakedRows, files[0].LeakedCopies, files[1].LeakedRows, files[1].LeakedCopies));
        Assert.Equal((44, 92, 217), (files[0].Length.Median, files[0].Length.P95, files[0].Length.Max));
        Assert.Equal([("不知道", 820), ("父母", 496), ("夫妻", 307)], files[0].Labels.Take(3).Select(label => (label.Key, label.Value)));
    }

    private IReadOnlyList<Finding> Check(string rows, DataCheckOptions? options = null) =>
        DataChecker.Check([Write("rows", Header + rows)], options ?? new DataCheckOptions());

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
