using System.Text.Json;
using Guanxi.Relations.Formats;
using Xunit;

namespace Guanxi.Relations.Tests.Formats;

public sealed class JsonLineWriterTests
{
    [Fact]
    public void Spaces_and_escapes_are_those_of_python()
    {
        var line = new JsonLineWriter().StartObject()
            .Name("a").Value("\"\\\n\r\t\b\f\u0001\u007f/中\u3000\U00020BB7'")
            .Name("b").StartArray().Value(1).Value(0.1).Value((string?)null).StartArray().EndArray().EndArray()
            .Name("c").StartObject().EndObject()
            .EndObject().ToString();

        Assert.Equal("{\"a\": \"\\\"\\\\\\n\\r\\t\\b\\f\\u0001\u007f/中\u3000\U00020BB7'\", \"b\": [1, 0.1, null, []], \"c\": {}}", line);
    }

    [Fact]
    public void What_programs_take_for_a_line_end_is_escaped_and_so_are_lone_surrogates()
    {
        var line = new JsonLineWriter().Value("\u0085\u2028\u2029\uD842x\uDFB7").ToString();

        Assert.Equal("\"\\u0085\\u2028\\u2029\\ud842x\\udfb7\"", line);
    }

    [Theory]
    [InlineData(1e-300)]
    [InlineData(-0.1)]
    [InlineData(1.0 / 3)]
    [InlineData(123456789012345680.0)]
    public void Numbers_come_back_as_themselves(double number) =>
        Assert.Equal(number, JsonSerializer.Deserialize<double>(new JsonLineWriter().Value(number).ToString()));

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void What_json_has_no_word_for_is_null(double number) => Assert.Equal("null", new JsonLineWriter().Value(number).ToString());
}
