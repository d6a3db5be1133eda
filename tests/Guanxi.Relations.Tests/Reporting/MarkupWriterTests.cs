using System.Xml.Linq;
using Guanxi.Relations.Reporting;
using Xunit;

namespace Guanxi.Relations.Tests.Reporting;

public sealed class MarkupWriterTests
{
    [Theory]
    [InlineData("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;")]
    [InlineData("\" onload=\"x & y", "&quot; onload=&quot;x &amp; y")]
    [InlineData("夫妻\u0000\u001b\u0085", "夫妻\ufffd\ufffd\ufffd")]
    [InlineData("𠮷\ta\n", "𠮷\ta\n")]
    public void Texts_and_values_are_escaped(string text, string expected)
    {
        var element = new MarkupWriter().Element("p", text, ("title", text), ("class", null)).ToMarkup().Text;

        Assert.Equal($"<p title=\"{expected}\">{expected}</p>", element);
        Assert.Equal("p", XElement.Parse(element).Name.LocalName);
    }

    [Fact]
    public void Half_of_a_surrogate_pair_is_replaced() =>
        Assert.Equal("<p>a\ufffdb</p>", new MarkupWriter().Element("p", $"a{'\ud800'}b").ToMarkup().Text);

    [Fact]
    public void An_element_that_stays_open_is_a_fault() =>
        Assert.Throws<InvalidOperationException>(() => new MarkupWriter().Open("p").ToMarkup());

    [Fact]
    public void Coordinates_have_two_digits_and_a_point() =>
        Assert.Equal("<x a=\"0.33\" b=\"2\"/>", new MarkupWriter().Empty("x", ("a", 1.0 / 3), ("b", 2)).ToMarkup().Text);
}
