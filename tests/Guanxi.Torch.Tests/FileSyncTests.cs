using Xunit;

namespace Guanxi.Torch.Tests;

public sealed class FileSyncTests
{
    [Fact]
    public void A_folder_can_be_flushed() => Assert.Null(Record.Exception(() => FileSync.FlushFolder(AppContext.BaseDirectory)));

    [Fact]
    public void A_missing_folder_is_an_error_that_names_it()
    {
        var missing = Path.Combine(AppContext.BaseDirectory, "没有 folder");
        var error = Assert.Throws<IOException>(() => FileSync.FlushFolder(missing));
        Assert.Contains(missing, error.Message, StringComparison.Ordinal);
    }
}
