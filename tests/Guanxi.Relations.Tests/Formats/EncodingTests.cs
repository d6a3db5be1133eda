using System.Text;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.Formats;

public sealed class EncodingTests
{
    private const string Text = "label\tcontent\n夫妻\t<e1>钱塘老爷</e1>出门，他的侄女<e2>苏州小姐</e2>掌灯。\n好友\t<e1>甲</e1>和<e2>乙</e2>\n";

    private static readonly string[] s_insertions = ["<e1>", "</e1>", "<e2>", "\t", "\n", "\r\n", "\"", ",", "\\ud800", "$", "{", "["];

    [Fact]
    public void Gb18030_is_named()
    {
        var bytes = CodePagesEncodingProvider.Instance.GetEncoding("GB18030")!.GetBytes(Text);

        Assert.Contains("GB18030", Refusal(bytes), StringComparison.Ordinal);
        Assert.StartsWith("rows:2:1:", Refusal(bytes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("utf-16", true, "UTF-16, little-endian")]
    [InlineData("utf-16", false, "UTF-16, little-endian, without BOM")]
    [InlineData("utf-16BE", true, "UTF-16, big-endian")]
    [InlineData("utf-16BE", false, "UTF-16, big-endian, without BOM")]
    [InlineData("utf-32", true, "UTF-32, little-endian")]
    public void Wide_encodings_are_named(string encoding, bool withMark, string name)
    {
        var codec = Encoding.GetEncoding(encoding);
        byte[] bytes = [.. withMark ? codec.GetPreamble() : [], .. codec.GetBytes(Text)];

        Assert.Contains(name, Refusal(bytes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { (byte)'P', (byte)'K', 3, 4, 0, 0 }, "XLSX")]
    [InlineData(new byte[] { 0x1F, 0x8B, 8, 0 }, "gzip")]
    [InlineData(new byte[] { 1, 0, 0, 2, 7 }, "binary")]
    public void Binary_files_are_named(byte[] bytes, string name) => Assert.Contains(name, Refusal(bytes), StringComparison.Ordinal);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_damaged_line_of_a_utf8_file_is_one_bad_row(int cut)
    {
        var bytes = Encoding.UTF8.GetBytes(Text);
        var at = bytes.AsSpan().IndexOf("爷"u8) + cut;
        byte[] damaged = [.. bytes[..at], 0xFF, .. bytes[(at + 1)..]];
        var data = DatasetReader.Read(new MemoryStream(damaged), "rows", new DatasetReadOptions { Lenient = true });

        Assert.Equal("好友", Assert.Single(data.Relations).Label);
        var problem = Assert.Single(data.Problems);
        Assert.Equal((DataRules.Encoding, 2, 1, 11), (problem.Rule, problem.Place.Line, problem.Place.Row, problem.Column));
    }

    [Fact]
    public void A_long_line_and_a_last_line_without_end_are_read()
    {
        var text = $"label\tcontent\n夫妻\t<e1>甲</e1>{new string('长', 100_000)}<e2>乙</e2>\r\n好友\t<e1>甲</e1>和<e2>乙</e2>";

        Assert.Equal([100_002, 3], TestRows.Read(text).Relations.Select(row => row.Text.Length));
    }

    [Fact]
    public void Only_line_feeds_end_lines()
    {
        var row = TestRows.Read("label\tcontent\n夫妻\t<e1>甲</e1>\u2028\u0085\r和<e2>乙</e2>\n").Relations[0];

        Assert.Equal("甲\u2028\u0085\r和乙", row.Text);
    }

    [Fact]
    public void Mutated_files_give_rows_or_our_exception()
    {
        string[] seeds =
        [
            Text,
            "label,text,people1,people2\n夫妻,\"甲,\"\"和\"\"乙\",甲,乙\n好友,甲和乙,甲,乙\n",
            "{\"text\":\"甲和乙\",\"people1\":\"甲\",\"people2\":\"乙\",\"label\":\"夫妻\",\"people1_span\":[0,1]}\n",
            "{\"conversation\": [{\"human\": \"问\", \"assistant\": \"答\"}]}\n{\"input_ids\": [1, 2], \"labels\": [-100, 2]}\n",
            "夫妻 甲$乙$##和乙#\n",
        ];
        var random = new Random(3);
        for (var round = 0; round < 10_000; round++)
        {
            var bytes = Encoding.UTF8.GetBytes(seeds[round % seeds.Length]).ToList();
            for (var change = random.Next(1, 6); change > 0 && bytes.Count > 0; change--)
            {
                Mutate(bytes, random);
            }

            var options = new DatasetReadOptions { Lenient = round % 2 == 0, RequireLabel = round % 3 == 0 };
            try
            {
                var data = DatasetReader.Read(new MemoryStream([.. bytes]), "rows", options);
                Assert.NotEmpty(data.Examples);
                Assert.All(data.Relations, row => Assert.Contains(row.Person1, row.Text, StringComparison.Ordinal));
            }
            catch (OptionsException fault)
            {
                Assert.All(fault.Problems, problem => Assert.StartsWith("rows", problem.Where, StringComparison.Ordinal));
            }
        }
    }

    private static void Mutate(List<byte> bytes, Random random)
    {
        var at = random.Next(bytes.Count);
        switch (random.Next(5))
        {
            case 0:
                bytes[at] = (byte)random.Next(256);
                break;
            case 1:
                bytes.RemoveAt(at);
                break;
            case 2:
                bytes.InsertRange(at, Encoding.UTF8.GetBytes(s_insertions[random.Next(s_insertions.Length)]));
                break;
            case 3:
                bytes.RemoveRange(at, Math.Min(random.Next(20), bytes.Count - at));
                break;
            default:
                bytes.InsertRange(0, bytes.GetRange(at, bytes.Count - at));
                break;
        }
    }

    private static string Refusal(byte[] bytes) =>
        Assert.Throws<OptionsException>(() =>
            DatasetReader.Read(new MemoryStream(bytes), "rows", new DatasetReadOptions { Lenient = true })).Message;
}
