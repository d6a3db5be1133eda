using Guanxi.Transformers.Hubs;
using Xunit;

namespace Guanxi.Transformers.Tests.Hubs;

/// <summary>Names of repositories and of contents.</summary>
public sealed class HubNameTests
{
    [Theory]
    [InlineData("Qwen/Qwen2.5-0.5B", true)]
    [InlineData("bert-base-chinese", true)]
    [InlineData("a/b", true)]
    [InlineData("AI-ModelScope/_x_", true)]
    [InlineData("", false)]
    [InlineData("a/b/c", false)]
    [InlineData("../b", false)]
    [InlineData("a/..", false)]
    [InlineData("a..b/c", false)]
    [InlineData("-a/b", false)]
    [InlineData("a/b ", false)]
    [InlineData("a/b\n", false)]
    [InlineData("甲/乙", false)]
    [InlineData("https://huggingface.co/a/b", false)]
    public void Only_names_that_a_hub_gives_are_names(string text, bool isName)
    {
        var error = Record.Exception(() => HubRepository.Parse(text, isDataset: false));

        Assert.Equal(isName, error is null);
        Assert.True(isName || error is OptionsException);
    }

    [Fact]
    public void Contents_are_hashed_as_the_hub_hashes_them()
    {
        // git hash-object and sha256sum of the five bytes "hello".
        var blob = ContentHash.TryParse("B6FC4C620B67D95F953A5C1C1230AAAB5DB5A1B0")!;
        var large = ContentHash.TryParse("\"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"")!;

        foreach (var hash in (ContentHash[])[blob, large])
        {
            using var begun = hash.Begin(5);
            begun.AppendData("hel"u8);
            Assert.False(hash.Is(begun));
            begun.AppendData("lo"u8);
            Assert.True(hash.Is(begun));
        }

        Assert.Null(ContentHash.TryParse(null));
        Assert.Null(ContentHash.TryParse("W/\"5d41402a\""));
    }
}
