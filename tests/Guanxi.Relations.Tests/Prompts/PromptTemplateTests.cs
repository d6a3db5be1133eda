using Guanxi.Relations.Prompts;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.Prompts;

public sealed class PromptTemplateTests
{
    private static readonly RelationExample s_row = TestRows.Marked("<e1>{people2}</e1>和<e2>乙</e2>");

    [Fact]
    public void What_a_row_puts_in_is_not_searched_for_placeholders() =>
        Assert.Equal("{people2}和乙|{people2}|乙", PromptTemplate.Parse("{text}|{people1}|{people2}", [], "test").Render(s_row));

    [Fact]
    public void The_constant_prefix_ends_at_the_first_place_that_depends_on_the_row()
    {
        var template = PromptTemplate.Parse("标签：{labels}。句子：{text}，{labels}", ["夫妻", "it's", "\"'\\"], "test");

        Assert.Equal("标签：['夫妻', \"it's\", '\"\\'\\\\']。句子：", template.ConstantPrefix);
        Assert.StartsWith(template.ConstantPrefix + "{people2}和乙，['夫妻'", template.Render(s_row), StringComparison.Ordinal);
    }

    [Fact]
    public void The_article_s_prefix_is_everything_before_the_sentence()
    {
        var template = PromptTemplate.Parse(PromptTemplate.Article, [], "built-in");

        Assert.EndsWith("请在以下句子中分析并分类实体之间的关系：'", template.ConstantPrefix, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { "夫妻", "不知道" }, "给定以下标签：['不确定', '夫妻', '父母'")]
    [InlineData(new string[0], "给定以下标签：['不确定', '夫妻', '父母'")]
    [InlineData(new[] { "夫妻", "邻居" }, "给定以下标签：['夫妻', '邻居']，请在以下句子中分析并分类实体之间的关系：'")]
    [InlineData(new[] { "acquired", "competitor of" }, "Given the labels ['acquired', 'competitor of'], classify the relation")]
    [InlineData(new[] { "sued", "起诉" }, "给定以下标签：['sued', '起诉']，")]
    public void The_usual_question_lists_the_labels_that_are_answered(string[] labels, string expected) =>
        Assert.StartsWith(expected, PromptTemplate.Parse(PromptTemplate.Usual(labels), labels, "test").ConstantPrefix, StringComparison.Ordinal);

    [Theory]
    [InlineData("{{{text}}}", "{甲和乙}")]
    [InlineData("{ {text} }", "{ 甲和乙 }")]
    [InlineData("{}{text}{", "{}甲和乙{")]
    public void Braces_that_enclose_no_name_stand_for_themselves(string template, string expected) =>
        Assert.Equal(expected, PromptTemplate.Parse(template, [], "test").Render(TestRows.Named("甲和乙", "甲", "乙")));

    [Fact]
    public void All_problems_of_a_template_are_listed()
    {
        var fault = Assert.Throws<OptionsException>(() => PromptTemplate.Parse("{Text}和{people}{people1}", [], "prompt_template"));

        Assert.Equal(["prompt_template, character 1", "prompt_template, character 8", "prompt_template"],
            fault.Problems.Select(p => p.Where));
        Assert.Equal("{people}", fault.Problems[1].Found);
    }

    [Fact]
    public void A_template_may_come_from_a_file()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "问：{text}\r\n答：\n");
            Assert.Equal("问：{text}\n答：", PromptTemplate.ReadText(path));
            Assert.Equal("{text}", PromptTemplate.ReadText("{text}"));
        }
        finally
        {
            File.Delete(path);
        }

        Assert.Contains("no such file", Assert.Throws<OptionsException>(() => PromptTemplate.ReadText(path)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<e1>王安</e1>和<e2>李德</e2>，王安先来", "甲和乙，甲先来")]
    [InlineData("<e1>李<e2>德全</e2></e1>和德全", "甲和乙")]
    [InlineData("<e2>李<e1>德全</e1></e2>和德全", "乙和甲")]
    [InlineData("<e1>德全</e1>是李德全，<e2>李德全</e2>来", "甲是乙，乙来")]
    [InlineData("<e1><e2>宋杨</e2></e1>来", "甲来")]
    [InlineData("<e1>宋</e1>和<e2>宋</e2>，宋", "甲和乙，甲")]
    public void Every_mention_becomes_a_letter(string marked, string expected) =>
        Assert.Equal(expected + "甲和乙之间的关系是", PromptTemplate.Parse(PromptTemplate.Masked, [], "built-in").Render(TestRows.Marked(marked)));

    [Theory]
    [InlineData("李德全和德全", "德全", "李德全", "乙和甲")]
    [InlineData("aaa和b", "aa", "b", "甲a和乙")]
    [InlineData("Ford sued Fordham, Ford says", "Ford", "Fordham", "甲 sued 乙, 甲 says")]
    [InlineData("Annabel met Ann.", "Ann", "met", "Annabel 乙 甲.")]
    public void Without_spans_the_longer_name_goes_first(string text, string person1, string person2, string expected) =>
        Assert.Equal(expected, MentionMask.Apply(TestRows.Named(text, person1, person2)));
}
