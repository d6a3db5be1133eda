using Guanxi.Cli.Inspection;
using Xunit;

namespace Guanxi.Cli.Tests;

/// <summary>Figures, curves and command lines for people.</summary>
public sealed class TextTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(1023, "1.00 KiB")]
    [InlineData(1536, "1.50 KiB")]
    [InlineData(12L << 20, "12.0 MiB")]
    [InlineData(500L << 20, "500 MiB")]
    [InlineData(1471026299, "1.37 GiB")]
    public void Sizes_have_about_three_digits(long bytes, string expected) => Assert.Equal(expected, Bytes.Show(bytes));

    [Theory]
    [InlineData(0.2, "1 s")]
    [InlineData(59, "59 s")]
    [InlineData(61, "1 min")]
    [InlineData(3600, "1 h 0 min")]
    [InlineData(93784, "26 h 3 min")]
    public void Times_are_as_coarse_as_they_are_long(double seconds, string expected) => Assert.Equal(expected, Durations.Show(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void A_curve_runs_from_its_lowest_to_its_highest_value()
    {
        Assert.Equal("█▅▁", Sparkline.Of([3, 2, 1]));
        Assert.Equal("▁▁", Sparkline.Of([7, 7]));
        Assert.Equal("", Sparkline.Of([]));
    }

    [Fact]
    public void Words_are_quoted_where_a_shell_would_take_them_apart() =>
        Assert.Equal("train --a=1 'b c' '' 'it'\\''s' '关系'", ShellWords.Join(["train", "--a=1", "b c", "", "it's", "关系"]));
}
