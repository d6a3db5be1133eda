using System.Text;
using Guanxi.Transformers.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints;

public sealed class AtomicFileTests
{
    public static TheoryData<string> FaultNames => ["NoSpace", "Device", "Denied"];

    [Fact]
    public void A_file_is_written_and_replaced()
    {
        using var folder = new TemporaryFolder();
        AtomicFile.WriteText(folder["a.json"], "一");
        Assert.Equal("一"u8.ToArray(), File.ReadAllBytes(folder["a.json"]));
        AtomicFile.Write(folder["a.json"], stream => stream.Write("two"u8));

        Assert.Equal("two", File.ReadAllText(folder["a.json"]));
        Assert.Equal(["a.json"], folder.Files());
    }

    [Theory]
    [MemberData(nameof(FaultNames))]
    public void Whatever_call_fails_the_error_is_told_and_the_file_is_whole(string fault)
    {
        var faults = 0;
        var survived = 0;
        var hasFailed = true;
        for (var k = 1; hasFailed; k++)
        {
            using var folder = new TemporaryFolder();
            var path = folder.Add("a", "old");
            var files = new FaultyFileSystem(k, Fault(fault), forever: false);
            var error = Record.Exception(() => AtomicFile.Write(files, path, WriteNew));

            hasFailed = files.Failed;
            if (hasFailed)
            {
                faults++;
                var told = Assert.IsType<CheckpointException>(error);
                Assert.StartsWith(path, told.Message, StringComparison.Ordinal);
                Assert.Contains(Fault(fault)().Message, told.Message, StringComparison.Ordinal);
            }
            else
            {
                Assert.Null(error);
            }

            var text = File.ReadAllText(path);
            survived += text == "old" ? 1 : 0;
            Assert.Equal(hasFailed && text != "old", error?.Message.Contains("was written, but", StringComparison.Ordinal) ?? false);
            Assert.True(text is "old" or "new content", text);
            Assert.Equal(["a"], folder.Files());
        }

        // Creation, two writes, flush and rename keep the old file; after the rename only the folder's flush can fail.
        Assert.Equal((6, 5), (faults, survived));
    }

    [Theory]
    [MemberData(nameof(FaultNames))]
    public void When_the_rest_of_the_disk_fails_too_both_errors_are_told(string fault)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Add("a", "old");
        var files = new FaultyFileSystem(2, Fault(fault), forever: true);

        var error = Assert.Throws<CheckpointException>(() => AtomicFile.Write(files, path, WriteNew));
        Assert.Equal(["cannot be written", "its unfinished copy cannot be removed"], error.Problems.Select(problem => problem.What));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal(2, folder.Files().Length);

        AtomicFolder.DeleteLeftovers(folder.FullPath);
        Assert.Equal(["a"], folder.Files());
    }

    [Fact]
    public void An_error_of_the_writer_passes_unchanged_and_leaves_nothing()
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<OperationCanceledException>(() => AtomicFile.Write(folder["a"], stream =>
        {
            stream.WriteByte(1);
            throw new OperationCanceledException();
        }));
        Assert.Empty(folder.Files());
    }

    [Fact]
    public void A_missing_folder_is_told_by_name()
    {
        var error = Assert.Throws<CheckpointException>(() => AtomicFile.WriteText("/nowhere/at/all.json", "x"));
        Assert.StartsWith("/nowhere/at/all.json: cannot be written", Assert.Single(error.Problems).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_taken_by_a_folder_is_an_error()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["a"]);
        Assert.Throws<CheckpointException>(() => AtomicFile.WriteText(folder["a"], "x"));
        Assert.Equal(["a"], folder.Files());
    }

    internal static Func<Exception> Fault(string name) => name switch
    {
        "NoSpace" => Faults.NoSpace,
        "Device" => Faults.Device,
        _ => Faults.Denied,
    };

    private static void WriteNew(Stream stream)
    {
        stream.Write(Encoding.UTF8.GetBytes("new "));
        stream.Write(Encoding.UTF8.GetBytes("content"));
    }
}
