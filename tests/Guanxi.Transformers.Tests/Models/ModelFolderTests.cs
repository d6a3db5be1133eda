using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Models;

public sealed class ModelFolderTests
{
    [Fact]
    public void A_companion_that_cannot_be_read_is_told_by_its_own_name()
    {
        using var from = new TemporaryFolder();
        using var to = new TemporaryFolder();
        from.Add("config.json", "{}");
        File.CreateSymbolicLink(from["tokenizer.json"], from["absent"]);

        var error = Assert.Throws<CheckpointException>(() => new ModelFolder(from.FullPath, null).CopyCompanions(to.FullPath));

        Assert.StartsWith($"{from["tokenizer.json"]}: the file cannot be read", error.Message, StringComparison.Ordinal);
        Assert.Empty(to.Files());
    }
}
