using System.Security.Cryptography;
using System.Text;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Prompts;
using Guanxi.TestKit;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.Formats;

public sealed class FireflyWriterTests
{
    private static readonly PromptTemplate s_article = PromptTemplate.Parse(PromptTemplate.Article, [], "built-in");

    [Fact]
    public void A_row_is_written_as_python_writes_it()
    {
        var row = TestRows.Marked("<e1>甲</e1>说\"\u3000\"，<e2>\U00020BB7</e2>", "好友");
        var template = PromptTemplate.Parse("'{text}' {people1}{people2}", [], "test");

        Assert.Equal(
            "{\"conversation_id\": 1, \"category\": \"relation classification\", \"conversation\": "
            + "[{\"human\": \"'甲说\\\"\u3000\\\"，\U00020BB7' 甲\U00020BB7\", \"assistant\": \"好友\"}]}\n",
            Write([row], template));
    }

    [Fact]
    public void What_was_written_is_read_as_firefly_data()
    {
        var text = Write([TestRows.Marked("<e1>甲</e1>和<e2>乙</e2>", "好友")], s_article);
        var row = TestRows.Read(text).Instructions[0];

        Assert.Equal("好友", row.Assistant);
        Assert.EndsWith("'甲和乙'在这个句子中，甲和乙之间的关系应该属于哪个标签？", row.Human, StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_without_label_is_refused() =>
        Assert.Throws<OptionsException>(() => Write([TestRows.Marked("<e1>甲</e1>和<e2>乙</e2>")], s_article));

    [GoldenTheory("data/people-relation")]
    [InlineData("train")]
    [InlineData("test")]
    public void The_published_data_convert_to_the_published_bytes(string part)
    {
        var golden = Golden.Json("firefly/case.json").GetProperty("files").GetProperty(part);
        var text = Write(TestRows.Published(part), s_article);
        var first20 = File.ReadAllText(Golden.Locate($"firefly/{part}.first20.jsonl"));

        Assert.StartsWith(first20, text, StringComparison.Ordinal);
        var bytes = Encoding.UTF8.GetBytes(text);
        Assert.Equal(golden.GetProperty("bytes").GetInt32(), bytes.Length);
        Assert.Equal(golden.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }

    private static string Write(IEnumerable<RelationExample> rows, PromptTemplate template)
    {
        using var writer = new StringWriter();
        FireflyWriter.Write(writer, rows, template);
        return writer.ToString();
    }
}
