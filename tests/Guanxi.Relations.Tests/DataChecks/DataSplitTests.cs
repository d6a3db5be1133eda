using System.Text;
using Guanxi.Relations.DataChecks;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Prompts;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.DataChecks;

public sealed class DataSplitTests : IDisposable
{
    private static readonly PromptTemplate s_article = PromptTemplate.Parse(PromptTemplate.Article, [], "prompt");

    // 150 sentences with one to three pairs, 4 labels of unequal frequency.
    private static readonly RelationExample[] s_rows =
    [
        .. Enumerable.Range(0, 150).SelectMany(number => Enumerable.Range(0, 1 + (number % 3)).Select(copy =>
            TestRows.Named($"甲{number}和乙和丙和丁", $"甲{number}", new[] { "乙", "丙", "丁" }[copy], $"关系{number % 10 % 4}"))),
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("guanxi-split-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(SplitGroup.Sentence)]
    [InlineData(SplitGroup.Pair)]
    [InlineData(SplitGroup.None)]
    public void Parts_have_their_sizes_and_share_no_group(SplitGroup group)
    {
        var parts = DataSplit.Cut(s_rows, new DataSplitOptions { Group = group, Test = 0.2, Dev = 0.1 });

        Assert.Equal(["train", "dev", "test"], parts.Select(part => part.Name));
        Assert.Equal(Enumerable.Range(0, s_rows.Length), parts.SelectMany(part => part.Rows).Order());
        Assert.InRange(parts[1].Rows.Count, (0.1 * s_rows.Length) - 3, (0.1 * s_rows.Length) + 3);
        Assert.InRange(parts[2].Rows.Count, (0.2 * s_rows.Length) - 3, (0.2 * s_rows.Length) + 3);
        if (group == SplitGroup.Sentence)
        {
            Assert.All(parts, part => Assert.Equal((0, 0), (part.LeakedSentences, part.LeakedCopies)));
        }
        else if (group == SplitGroup.Pair)
        {
            Assert.All(parts, part => Assert.Equal(0, part.LeakedPairs));
        }
        else
        {
            Assert.NotEqual(0, parts[2].LeakedSentences);
        }
    }

    [Fact]
    public void Without_groups_every_label_has_its_share()
    {
        var parts = DataSplit.Cut(s_rows, new DataSplitOptions { Group = SplitGroup.None, Test = 0.2 });

        Assert.All(s_rows.CountBy(row => row.Label!), label =>
            Assert.Equal(0.2 * label.Value, parts[1].Labels.Single(count => count.Key == label.Key).Value, 0.5));
    }

    [Theory]
    [InlineData(SplitGroup.Sentence)]
    [InlineData(SplitGroup.None)]
    public void Every_row_is_tested_on_in_one_fold(SplitGroup group)
    {
        var parts = DataSplit.Cut(s_rows, new DataSplitOptions { Group = group, Folds = 5 });

        Assert.Equal(["fold-1/train", "fold-1/test", "fold-2/train"], parts.Take(3).Select(part => part.Name));
        var tests = parts.Where(part => part.Name.EndsWith("test", StringComparison.Ordinal)).ToArray();
        Assert.Equal(Enumerable.Range(0, s_rows.Length), tests.SelectMany(part => part.Rows).Order());
        Assert.All(tests, part => Assert.InRange(part.Rows.Count, (s_rows.Length / 5) - 4, (s_rows.Length / 5) + 4));
        Assert.All(parts.Chunk(2), fold => Assert.Empty(fold[0].Rows.Intersect(fold[1].Rows)));
    }

    [Theory]
    [InlineData(SplitGroup.Sentence)]
    [InlineData(SplitGroup.None)]
    public void The_seed_decides_and_the_order_of_rows_does_not(SplitGroup group)
    {
        string[] Tested(RelationExample[] rows, long seed) =>
            [.. DataSplit.Cut(rows, new DataSplitOptions { Group = group, Seed = seed })[1].Rows.Select(row => $"{rows[row].Text}{rows[row].Person2}").Order()];

        Assert.Equal(Tested(s_rows, 42), Tested([.. s_rows.Reverse()], 42));
        Assert.NotEqual(Tested(s_rows, 42), Tested(s_rows, 43));
    }

    [Theory]
    [InlineData(0.0, 0.0, null)]
    [InlineData(0.6, 0.4, null)]
    [InlineData(0.2, -0.1, null)]
    [InlineData(0.0001, 0.0, null)]
    [InlineData(0.2, 0.0, 1)]
    [InlineData(0.2, 0.0, 1000)]
    public void A_cut_that_cannot_be_is_refused(double test, double dev, int? folds) =>
        Assert.Throws<OptionsException>(() => DataSplit.Cut(s_rows, new DataSplitOptions { Test = test, Dev = dev, Folds = folds }));

    [Fact]
    public void Rows_keep_their_bytes()
    {
        const string Text = "\uFEFFlabel,text,people1,people2,note\r\n夫妻,\"甲,\n和乙\",甲,乙,x\r\n\r\n好友,丙和丁,丙,丁,\"\"\r\n师生,戊和己,戊,己,z";
        var path = Path.Combine(_folder, "rows.csv");
        File.WriteAllText(path, Text);
        var source = SourceRows.Read([path]);

        string Rows(params int[] rows) => Encoding.UTF8.GetString(source.Encode(rows, null, s_article).Content);
        Assert.Equal("\uFEFFlabel,text,people1,people2,note\r\n夫妻,\"甲,\n和乙\",甲,乙,x\r\n\r\n师生,戊和己,戊,己,z\n", Rows(0, 2));
        Assert.True(source.IsCopied(DatasetFormat.RelationCsv));
        Assert.Equal(["note"], source.OtherFields);
        Assert.Equal("label\tcontent\n好友\t<e1>丙</e1>和<e2>丁</e2>\n", Encoding.UTF8.GetString(source.Encode([1], DatasetFormat.RelationTsv, s_article).Content));
    }

    [Fact]
    public void Files_are_put_together()
    {
        var (first, second) = (Write("a", "label\tcontent\n夫妻\t<e1>甲</e1>和<e2>乙</e2>\n"), Write("b", "\uFEFFlabel\tcontent\n好友\t<e1>丙</e1>和<e2>丁</e2>"));
        var other = Write("c", "{\"text\": \"戊和己\", \"people1\": \"戊\", \"people2\": \"己\", \"label\": \"师生\"}\n");

        Assert.Equal("label\tcontent\n好友\t<e1>丙</e1>和<e2>丁</e2>\n夫妻\t<e1>甲</e1>和<e2>乙</e2>\n", Encoding.UTF8.GetString(SourceRows.Read([first, second]).Encode([1, 0], null, s_article).Content));
        Assert.Equal("label\tcontent\n师生\t<e1>戊</e1>和<e2>己</e2>\n", Encoding.UTF8.GetString(SourceRows.Read([first, other]).Encode([1], null, s_article).Content));
        var tokens = Write("d", "{\"input_ids\": [1, 2], \"labels\": [-100, 2]}\n");
        Assert.Equal("{\"input_ids\": [1, 2], \"labels\": [-100, 2]}\n", Encoding.UTF8.GetString(SourceRows.Read([tokens]).Encode([0], null, s_article).Content));
        Assert.Throws<OptionsException>(() => SourceRows.Read([first, tokens]));
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
