using System.Text;
using Guanxi.Cli.Commands.Data;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Commands;

/// <summary><c>data</c> and its parts, as a user calls them.</summary>
public sealed class DataVerbTests : IDisposable
{
    private const string Sample = "examples/people/train.tsv";

    private static readonly string[] s_parts = ["stats", "check", "split", "convert", "noise", "annotate"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_part_has_help_with_an_example()
    {
        Assert.All(s_parts, part => Assert.Matches(
            $@"\./guanxi data {part} (--data )?examples/people/", InProcess.Run("data", part, "--help").Expect(ExitCode.Done).Output));
        var help = InProcess.Run("data", "--help").Expect(ExitCode.Done).Output;
        Assert.All(s_parts, part => Assert.Contains($"\n  {part} ", help, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("what to do is not said; expected stats | check | split | convert | noise | annotate", "data")]
    [InlineData("chekc: unexpected word. Did you mean check?", "data", "chekc")]
    [InlineData("--shwo: unknown option. Did you mean --show?", "data", "check", Sample, "--shwo", "1")]
    [InlineData("none.tsv: there is no such file", "data", "stats", "none.tsv")]
    [InlineData("--to", "data", "split", Sample)]
    [InlineData("test above 0, dev from 0, both together below 1; found test 0.7, dev 0.3", "data", "split", Sample, "--test", "0.7", "--dev", "0.3", "--to", "nowhere")]
    [InlineData("folds have no shares", "data", "split", Sample, "--folds", "3", "--test", "0.3", "--to", "nowhere")]
    [InlineData("the form is not clear from the name", "data", "convert", Sample, "rows.doc")]
    [InlineData("it is never written over", "data", "convert", Sample, "examples/../examples/people/train.tsv")]
    [InlineData("it is never written over", "data", "split", Sample, "--to", "examples/people")]
    [InlineData("it is never written over", "data", "check", Sample, "--json", Sample)]
    public void A_wrong_call_says_what_is_wrong(string expected, params string[] words) =>
        Assert.Contains(expected, InProcess.Run([.. words.Select(InRepository)]).Expect(ExitCode.WrongCall).Error, StringComparison.Ordinal);

    [Fact]
    public void Stats_count_files_and_what_leaks()
    {
        var train = _folder.Add("train.tsv", "label\tcontent", "夫妻\t<e1>甲</e1>娶<e2>乙</e2>，甲喜", "夫妻\t<e1>丙</e1>娶<e2>丁</e2>", "兄弟姐妹\t<e1>戊</e1>和<e2>己</e2>");
        var test = _folder.Add("test.tsv", "label\tcontent", "夫妻\t<e1>丙</e1>娶<e2>丁</e2>");

        var text = ChildProgram.Run("data", "stats", train, test).Expect(ExitCode.Done).Output;
        var json = InProcess.Run("data", "stats", train, test, "--json", "-").Expect(ExitCode.Done);

        Assert.Contains("  夫妻      2   66.7 %\n  兄弟姐妹  1   33.3 %\n", text, StringComparison.Ordinal);
        Assert.Contains("1 of 1 rows (100.0 %) have their sentence in a file before, 1 of them with the same pair", text, StringComparison.Ordinal);
        var file = Assert.Single(json.Rows).GetProperty("files")[0];
        Assert.Equal((3, 2, 1), (file.GetProperty("rows").GetInt32(), file.GetProperty("labels").GetProperty("夫妻").GetInt32(), file.GetProperty("ambiguous_rows").GetInt32()));
        Assert.Equal(7, file.GetProperty("length").GetProperty("max").GetInt32() + 1);
    }

    [Fact]
    public void Check_of_the_sample_finds_nothing()
    {
        var result = InProcess.Run("data", "check", InRepository(Sample), InRepository("examples/people/test.tsv")).Expect(ExitCode.Done);

        Assert.Equal("0 errors, 0 warnings\n", result.Output);
    }

    [Fact]
    public void Check_names_places_and_fails_when_there_are_errors()
    {
        var file = _folder.Add("rows.tsv", "label\tcontent", "夫妻\t<e1>甲</e1>娶<e2>乙</e2>，甲喜", "夫妻\t<e1>甲</e1>娶乙", "好友\t<e1>甲</e1>娶<e2>乙</e2>，甲喜");

        var text = ChildProgram.Run("data", "check", file).Expect(ExitCode.Failed);
        var json = InProcess.Run("data", "check", file, "--json", "-").Expect(ExitCode.Failed).LastRow;

        Assert.Contains($"{file}:3:4: error marker: there is no <e2>", text.Output, StringComparison.Ordinal);
        Assert.Contains("2 errors, 2 warnings", text.Output, StringComparison.Ordinal);
        var findings = json.GetProperty("findings").EnumerateArray().ToArray();
        Assert.All(findings, finding => Assert.Equal(
            ["severity", "rule", "file", "row", "line", "column", "message"], finding.EnumerateObject().Select(member => member.Name)));
        Assert.Equal(["ambiguous-mention", "marker", "ambiguous-mention", "label-conflict"], findings.Select(finding => finding.GetProperty("rule").GetString()));
        Assert.Equal(2, json.GetProperty("errors").GetInt32());
    }

    [Fact]
    public void Check_takes_labels_and_a_prompt()
    {
        var labels = _folder.Add("labels.txt", "夫妻", "好友=朋友");
        var file = _folder.Add("rows.tsv", "label\tcontent", "朋友\t<e1>甲</e1>和<e2>乙</e2>", "夫妇\t<e1>丙</e1>和<e2>丁</e2>");

        var findings = InProcess.Run("data", "check", file, "--labels_file", labels, "--prompt_template", "从夫妻、朋友中选择：{text}", "--json", "-")
            .Expect(ExitCode.Failed).LastRow.GetProperty("findings").EnumerateArray().Select(finding => finding.GetProperty("message").GetString()!).ToArray();

        Assert.StartsWith("夫妇 is not one of the known labels; the nearest is 夫妻.", findings[0], StringComparison.Ordinal);
        Assert.StartsWith("the prompt says 朋友 where the answers say 好友.", findings[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Split_writes_files_without_leakage_that_together_are_the_input()
    {
        var json = ChildProgram.Run("data", "split", Sample, "--group", "sentence", "--test", "0.2", "--seed", "42", "--to", _folder["split"], "--json", "-").Expect(ExitCode.Done).LastRow;

        string[] Rows(string name) => [.. File.ReadLines(name).Skip(1)];
        string[] train = Rows(_folder["split/train.tsv"]), test = Rows(_folder["split/test.tsv"]);
        Assert.Equal(Rows(Path.Combine(Golden.RepositoryRoot, Sample)).Order(), train.Concat(test).Order());
        Assert.Equal(137, test.Length);
        var parts = json.GetProperty("parts").EnumerateArray().ToArray();
        Assert.Equal([train.Length, test.Length], parts.Select(part => part.GetProperty("rows").GetInt32()));
        Assert.Equal((0, "sentence"), (parts[1].GetProperty("leaked_sentences").GetInt32(), json.GetProperty("group").GetString()));
    }

    [Fact]
    public void Folds_go_into_folders_of_their_own_in_the_form_that_is_asked_for()
    {
        var text = InProcess.Run("data", "split", InRepository(Sample), "--group", "none", "--folds", "3", "--form", "firefly", "--to", _folder["folds"]).Expect(ExitCode.Done).Output;

        Assert.Equal(3, Directory.GetDirectories(_folder["folds"]).Length);
        Assert.Equal(684, Directory.GetFiles(_folder["folds"], "test.jsonl", SearchOption.AllDirectories).Sum(file => File.ReadLines(file).Count()));
        Assert.Contains("  不知道", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Convert_goes_to_a_sheet_and_back_to_the_same_bytes()
    {
        ChildProgram.Run("data", "convert", Sample, _folder["rows.xlsx"]).Expect(ExitCode.Done);
        var json = ChildProgram.Run("data", "convert", _folder["rows.xlsx"], _folder["rows.tsv"], "--json", "-").Expect(ExitCode.Done).LastRow;

        Assert.Equal(File.ReadAllBytes(InRepository(Sample)), File.ReadAllBytes(_folder["rows.tsv"]));
        Assert.Equal(("xlsx", "tsv", 684), (json.GetProperty("from_form").GetString(), json.GetProperty("to_form").GetString(), json.GetProperty("rows").GetInt32()));
    }

    [Fact]
    public void Convert_leaves_nothing_out_unasked()
    {
        var file = _folder.Add(
            "rows.jsonl",
            """{"text": "甲和\t乙", "people1": "甲", "people2": "乙", "label": "好友", "id": 7}""",
            """{"text": "丙和丁", "people1": "丙", "people2": "丁", "label": "好友"}""");

        var refused = InProcess.Run("data", "convert", file, _folder["rows.tsv"]).Expect(ExitCode.WrongCall);
        Assert.Contains($"{file}:1: the sentence or label holds a tab", refused.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["rows.tsv"]));

        var json = InProcess.Run("data", "convert", file, _folder["rows.tsv"], "--lossy", "--json", "-").Expect(ExitCode.Done);
        Assert.Equal("label\tcontent\n好友\t<e1>丙</e1>和<e2>丁</e2>\n", File.ReadAllText(_folder["rows.tsv"]));
        Assert.Equal(1, json.LastRow.GetProperty("left_out")[0].GetProperty("line").GetInt32());
        Assert.Contains("warning: columns that are not written: id", json.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Convert_reads_what_Windows_wrote()
    {
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        File.WriteAllText(_folder["old.csv"], "标签,句子,人物1,人物2\r\n好友,丙和丁,丙,丁\r\n", Encoding.GetEncoding("gb18030"));

        Assert.Contains("--encoding gb18030", ChildProgram.Run("data", "convert", _folder["old.csv"], _folder["new.csv"]).Expect(ExitCode.WrongCall).Error, StringComparison.Ordinal);
        ChildProgram.Run("data", "convert", _folder["old.csv"], _folder["new.csv"], "--encoding", "gb18030").Expect(ExitCode.Done);

        Assert.Equal("label,text,people1,people2\n好友,丙和丁,丙,丁\n", File.ReadAllText(_folder["new.csv"]));
    }

    [Fact]
    public void Firefly_rows_become_relations_again()
    {
        InProcess.Run("data", "convert", InRepository(Sample), _folder["firefly.jsonl"], "--form", "firefly").Expect(ExitCode.Done);
        InProcess.Run("data", "convert", _folder["firefly.jsonl"], _folder["rows.tsv"]).Expect(ExitCode.Done);

        Assert.Equal(File.ReadAllBytes(InRepository(Sample)), File.ReadAllBytes(_folder["rows.tsv"]));
    }

    [Fact]
    public void Noise_lists_rows_with_what_they_may_be()
    {
        var rows = Enumerable.Range(0, 40).Select(row =>
            $"{(row is 8 ? "师生" : row % 2 == 0 ? "夫妻" : "师生")}\t<e1>甲{(char)('一' + row)}</e1>{(row % 2 == 0 ? "娶了" : "教过")}<e2>乙{(char)('七' + row)}</e2>");
        var file = _folder.Add("rows.tsv", rows.Prepend("label\tcontent"));

        var text = ChildProgram.Run("data", "noise", file, "--show", "1").Expect(ExitCode.Done).Output;
        var suspect = InProcess.Run("data", "noise", file, "--json", "-").Expect(ExitCode.Done).LastRow.GetProperty("suspects")[0];

        Assert.Contains($"{file}:10: 师生 (", text, StringComparison.Ordinal);
        Assert.Equal((10, "师生", "夫妻"), (suspect.GetProperty("line").GetInt32(), suspect.GetProperty("label").GetString(), suspect.GetProperty("suggested").GetString()));
    }

    [Theory]
    [InlineData(1.0, "████████████████████████████████████████")]
    [InlineData(0.5, "████████████████████")]
    [InlineData(0.0031, "▏")]
    [InlineData(0.0, "")]
    public void Bars_have_eighths(double share, string expected) => Assert.Equal(expected, LabelBars.Bar(share));

    [GoldenFact("data/people-relation")]
    public void The_published_data_have_the_known_faults()
    {
        var folder = Golden.TrySharedPath("data/people-relation")!;
        string[] files = [Path.Combine(folder, "train.csv"), Path.Combine(folder, "test.csv")];

        var findings = InProcess.Run(["data", "check", .. files, "--json", "-"]).Expect(ExitCode.Failed).LastRow.GetProperty("findings").EnumerateArray().ToArray();
        var counted = InProcess.Run(["data", "stats", .. files, "--json", "-"]).Expect(ExitCode.Done).LastRow.GetProperty("files").EnumerateArray().ToArray();

        int Rows(string rule) => findings.Where(finding => finding.GetProperty("rule").GetString() == rule)
            .DistinctBy(finding => (finding.GetProperty("file").GetString(), finding.GetProperty("row").GetInt32())).Count();
        Assert.Equal((570, 27, 14), (Rows("ambiguous-mention"), Rows("name-in-name"), Rows("marker-nested")));
        Assert.Equal((8, 355, 4), (Rows("label-conflict"), Rows("leakage"), Rows("both-orders")));
        int Sum(string key) => counted.Sum(file => file.GetProperty(key).GetInt32());
        Assert.Equal((570, 27, 14), (Sum("ambiguous_rows"), Sum("name_in_name_rows"), Sum("wrong_first_mention_rows")));
        Assert.Equal((8, 355, 20, 4), (Sum("conflict_rows"), Sum("leaked_rows"), Sum("leaked_copies"), Sum("both_orders_rows")));
    }

    /// <summary>A path of the repository from wherever this process stands; any other word itself.</summary>
    private static string InRepository(string word) =>
        word.StartsWith("examples/", StringComparison.Ordinal) ? Path.Combine(Golden.RepositoryRoot, word) : word;
}
