using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Models;

public sealed partial class ModelFolderTests
{
    private const int Nobody = 65534;

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

    [Fact]
    [SupportedOSPlatform("linux")]
    public void A_model_that_the_user_may_not_read_is_not_called_none()
    {
        using var folder = new TemporaryFolder();
        folder.Add("config.json", "{}");
        var mode = File.GetUnixFileMode(folder.FullPath);
        File.SetUnixFileMode(folder.FullPath, UnixFileMode.None);

        // Root may read everything; this thread gives that up for a moment.
        var user = SetFileSystemUser(Nobody);
        Exception? error;
        try
        {
            error = Record.Exception(() => ModelFolder.Find(folder.FullPath, null));
        }
        finally
        {
            _ = SetFileSystemUser(user);
            File.SetUnixFileMode(folder.FullPath, mode);
        }

        var message = Assert.IsType<CheckpointException>(error).Message;
        Assert.StartsWith($"{folder.FullPath}: the folder cannot be read", message, StringComparison.Ordinal);
        Assert.Equal(folder.FullPath, ModelFolder.Find(folder.FullPath, null).Base);
    }

    [LibraryImport("libc", EntryPoint = "setfsuid")]
    private static partial int SetFileSystemUser(int user);
}
