using System.Text;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Prompts;
using Guanxi.TestKit;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.Formats;

public sealed class DatasetWriterTests
{
    private static readonly PromptTemplate s_article = PromptTemplate.Parse(PromptTemplate.Article, [], "prompt");

    /// <summary>What has broken files of rows before: separators, quotes, line ends, signs of our own forms, signs beyond the BMP.</summary>
    private static readonly string[] s_pieces =
    [
        "，", "和", "甲", "乙", "李德全", " ", "\t", "\n", "\r\n", "\r", "\"", "'", ",", ";", "$", "#", "##", "<e1>", "</e1>", "<e2>", "</E2>", "&amp;", "<b>", "{text}", "\\n",
        "\u0085", "\u2028", "\u2029", "\uFEFF", "\uFFFE", "\u0001", "\0", "Ａ１", "_x0041_", "_X005f_", "=1+1", "\U00020BB7", "\U0001F600", "e\u0301", "在这个句子中，",
    ];

    public static TheoryData<DatasetFormat> Forms { get; } =
    [
        DatasetFormat.RelationTsv, DatasetFormat.RelationCsv, DatasetFormat.RelationJsonLines, DatasetFormat.RelationXlsx, DatasetFormat.OlderText, DatasetFormat.FireflyJsonLines,
    ];

    [Theory]
    [MemberData(nameof(Forms))]
    public void Every_row_comes_back_or_is_told(DatasetFormat form)
    {
        var random = new Random(42);
        for (var round = 0; round < 30; round++)
        {
            RelationExample[] rows = [Plain(1), .. Enumerable.Range(2, 40).Select(row => Row(random, row))];
            var encoded = DatasetWriter.Encode(rows, form, s_article);

            Assert.Equal(rows.Length, encoded.Count + encoded.LeftOut.Count);
            Assert.All(encoded.LeftOut.Concat(encoded.Changed), loss => Assert.NotEmpty(loss.Why));
            var (lost, changed) = (Places(encoded.LeftOut), Places(encoded.Changed));
            var back = Read(encoded.Content, form);
            foreach (var (row, read) in rows.Where(row => !lost.Contains(row.Place.Row)).Zip(back, (row, read) => (row, read)))
            {
                if (read is null)
                {
                    Assert.Contains(row.Place.Row, changed);
                    continue;
                }

                Assert.Equal((row.Text, row.Person1, row.Person2, row.Label), (read.Text, read.Person1, read.Person2, read.Label));
                Assert.True(Mentions.Locate(row) == Mentions.Locate(read) || changed.Contains(row.Place.Row), row.ToString());
            }
        }
    }

    [Fact]
    public void Json_lines_and_sheets_hold_every_row_with_its_spans()
    {
        var random = new Random(3);
        RelationExample[] rows = [.. Enumerable.Range(1, 400).Select(row => Row(random, row))];
        foreach (var form in new[] { DatasetFormat.RelationJsonLines, DatasetFormat.RelationXlsx })
        {
            var encoded = DatasetWriter.Encode(rows, form, s_article);

            Assert.Empty(encoded.LeftOut);
            Assert.Empty(encoded.Changed);
            Assert.Equal(rows.Select(row => (row.Span1, row.Span2)), Read(encoded.Content, form).Select(row => (row!.Span1, row.Span2)));
        }
    }

    [Fact]
    public void Cells_hold_all_but_line_ends_of_two_signs_and_zeros()
    {
        var random = new Random(4);
        RelationExample[] rows = [.. Enumerable.Range(1, 400).Select(row => Row(random, row))];
        var encoded = DatasetWriter.Encode(rows, DatasetFormat.RelationCsv, s_article);
        var lost = Places(encoded.LeftOut);

        Assert.NotEmpty(lost);
        Assert.All(rows.Where(row => lost.Contains(row.Place.Row)), row =>
        {
            var cells = row.Text + row.Label;
            Assert.True(cells.Contains("\r\n", StringComparison.Ordinal) || cells.Contains('\0', StringComparison.Ordinal), row.ToString());
        });
    }

    [Theory]
    [InlineData(DatasetFormat.RelationTsv, "label\tcontent\n夫妻\t<e1>李雷</e1>娶了<e2>韩梅梅</e2>\n")]
    [InlineData(DatasetFormat.RelationCsv, "label,text,people1,people2,people1_span,people2_span\n夫妻,李雷娶了韩梅梅,李雷,韩梅梅,\"[0, 2]\",\"[4, 7]\"\n")]
    [InlineData(DatasetFormat.RelationJsonLines, "{\"text\": \"李雷娶了韩梅梅\", \"people1\": \"李雷\", \"people2\": \"韩梅梅\", \"label\": \"夫妻\", \"people1_span\": [0, 2], \"people2_span\": [4, 7]}\n")]
    [InlineData(DatasetFormat.OlderText, "夫妻 李雷$韩梅梅$李雷娶了韩梅梅\n")]
    public void A_form_looks_so(DatasetFormat form, string expected) =>
        Assert.Equal(expected, Encoding.UTF8.GetString(DatasetWriter.Encode([TestRows.Marked("<e1>李雷</e1>娶了<e2>韩梅梅</e2>", "夫妻")], form, s_article).Content));

    [Fact]
    public void The_older_form_masks_the_mention_where_only_that_says_which_is_meant()
    {
        var row = TestRows.Marked("李雷的信：<e1>李雷</e1>娶了<e2>韩梅梅</e2>", "夫妻");

        var encoded = DatasetWriter.Encode([row], DatasetFormat.OlderText, s_article);

        Assert.Equal("夫妻 李雷$韩梅梅$李雷的信：##娶了###\n", Encoding.UTF8.GetString(encoded.Content));
        Assert.Empty(encoded.Changed);
        Assert.Equal(Mentions.Locate(row), Mentions.Locate(Read(encoded.Content, DatasetFormat.OlderText)[0]!));
    }

    [Fact]
    public void Rows_without_labels_make_files_without_such_a_column()
    {
        RelationExample[] rows = [TestRows.Marked("<e1>李雷</e1>娶了<e2>韩梅梅</e2>")];

        foreach (var form in new[] { DatasetFormat.RelationTsv, DatasetFormat.RelationCsv, DatasetFormat.RelationJsonLines, DatasetFormat.RelationXlsx })
        {
            Assert.Null(Read(DatasetWriter.Encode(rows, form, s_article).Content, form).Single()!.Label);
        }

        Assert.Single(DatasetWriter.Encode(rows, DatasetFormat.FireflyJsonLines, s_article).LeftOut);
    }

    [Fact]
    public void A_mention_that_was_guessed_is_told()
    {
        var encoded = DatasetWriter.Encode([TestRows.Named("甲说甲和乙", "甲", "乙", "好友")], DatasetFormat.RelationTsv, s_article);

        Assert.Contains("<e1>甲</e1>说甲", Encoding.UTF8.GetString(encoded.Content), StringComparison.Ordinal);
        Assert.Contains("the first was marked", Assert.Single(encoded.Changed).Why, StringComparison.Ordinal);
    }

    [Fact]
    public void Equal_rows_make_equal_sheets()
    {
        RelationExample[] rows = [TestRows.Marked("<e1>李雷</e1>娶了<e2>韩梅梅</e2>", "夫妻")];
        byte[] Sheet() => DatasetWriter.Encode(rows, DatasetFormat.RelationXlsx, s_article).Content;

        Assert.Equal(Sheet(), Sheet());
    }

    [Fact]
    public void Cells_of_spans_are_read_and_bad_ones_are_told()
    {
        const string Header = "label,text,people1,people2,people1_span,people2_span\n";

        Assert.Equal(new TextSpan(2, 3), TestRows.Read(Header + "好友,甲说甲和乙,甲,乙,\"[2, 3]\",\n").Relations[0].Span1);
        var fault = Assert.Throws<OptionsException>(() => TestRows.Read(Header + "好友,甲说甲和乙,甲,乙,2-3,\n"));
        Assert.Contains("rows:2:14: people1_span is not a span; expected [start, end]; found 2-3", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_question_that_can_be_read_in_two_ways_is_not_read()
    {
        var template = PromptTemplate.Parse("{text}|{people1}和{people2}", [], "prompt");
        InstructionExample Asked(string human) => new(human, "好友", null, [], new SourcePlace("f", 1, 1));

        var found = InstructionRelations.Find(Asked("和珅和纪晓岚|和珅和纪晓岚"), template);
        Assert.Equal(("和珅和纪晓岚", "和珅", "纪晓岚"), (found!.Text, found.Person1, found.Person2));
        Assert.Null(InstructionRelations.Find(Asked("甲和乙和丙|甲和乙和丙"), template));
        Assert.Null(InstructionRelations.Find(Asked("something else"), template));
        Assert.Null(InstructionRelations.Find(Asked("甲和乙|甲和乙"), PromptTemplate.Parse(PromptTemplate.Masked, [], "prompt")));
    }

    [Theory]
    [InlineData("gb18030")]
    [InlineData("gbk")]
    [InlineData("utf-16")]
    public void Files_in_other_encodings_are_read_when_they_are_named(string encoding)
    {
        const string Text = "label\tcontent\n夫妻\t<e1>李雷</e1>娶了<e2>韩梅梅</e2>\n";
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, Text, Encoding.GetEncoding(encoding));
            using var stream = TextDecoding.Open(path, encoding);
            Assert.Equal("李雷", DatasetReader.Read(stream, "f", new DatasetReadOptions()).Relations[0].Person1);

            File.WriteAllBytes(path, [.. "label\n"u8, 0xFF, 0xFF, (byte)'\n']);
            if (encoding != "utf-16")
            {
                Assert.Contains($"{path}:2", Assert.Throws<OptionsException>(() => TextDecoding.Open(path, encoding)).Message, StringComparison.Ordinal);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [GoldenTheory("data/people-relation")]
    [MemberData(nameof(Forms))]
    public void The_published_rows_go_through_every_form(DatasetFormat form)
    {
        var rows = TestRows.Published("test");
        var encoded = DatasetWriter.Encode(rows, form, s_article);
        var tsv = DatasetWriter.Encode([.. Read(encoded.Content, form).Select(row => row!)], DatasetFormat.RelationTsv, s_article);

        // In one row a name is marked inside the other; two forms have no place to say so, and they tell it.
        var changed = encoded.Changed.Select(row => row.Place.Line).ToHashSet();
        Assert.Empty(encoded.LeftOut);
        Assert.Equal(form is DatasetFormat.OlderText or DatasetFormat.FireflyJsonLines ? [675] : [], changed);
        string[] Lines(byte[] text) => [.. Encoding.UTF8.GetString(text).Split('\n').Where((_, line) => !changed.Contains(line + 1))];
        Assert.Equal(Lines(File.ReadAllBytes(Golden.TrySharedPath("data/people-relation/test.csv")!)), Lines(tsv.Content));
    }

    private static HashSet<int> Places(IEnumerable<ConversionLoss> losses) => [.. losses.Select(loss => loss.Place.Row)];

    private static IReadOnlyList<RelationExample?> Read(byte[] content, DatasetFormat form)
    {
        var data = DatasetReader.Read(new MemoryStream(content), "back", new DatasetReadOptions { RequireLabel = false });
        Assert.Equal(form, data.Format);
        return [.. data.Examples.Select(row => row as RelationExample ?? InstructionRelations.Find((InstructionExample)row, s_article))];
    }

    private static RelationExample Plain(int row) => TestRows.Marked("<e1>李雷</e1>娶了<e2>韩梅梅</e2>", "夫妻", row);

    /// <summary>A row that a reader may give: with both spans, or with names alone in a text without markers.</summary>
    private static RelationExample Row(Random random, int row)
    {
        string Some(int most) => string.Concat(Enumerable.Range(0, random.Next(most)).Select(_ => s_pieces[random.Next(s_pieces.Length)]));
        var (name1, name2) = ($"张{Some(3)}三", random.Next(4) == 0 ? "李四" : $"李{Some(2)}");
        var (start, middle, end) = (Some(5), Some(4), Some(5));
        var text = start + name1 + middle + name2 + end;
        TextSpan span1 = new(start.Length, start.Length + name1.Length), span2 = new(span1.End + middle.Length, span1.End + middle.Length + name2.Length);
        var hasSpans = EntityMarkers.HasAny(text) || random.Next(3) > 0;
        string? label = random.Next(6) == 0 ? null : "夫妻" + (random.Next(8) == 0 ? Some(2) : "");
        return new RelationExample(text, name1, name2, hasSpans ? span1 : null, hasSpans ? span2 : null, label, new SourcePlace("rows", row, row));
    }
}
