using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints;

public sealed class AtomicFolderTests
{
    [Fact]
    public void A_folder_is_not_seen_under_its_name_before_it_is_complete()
    {
        using var folder = new TemporaryFolder();
        AtomicFolder.Write(folder["checkpoint-5"], inner =>
        {
            Fill(RealFileSystem.Instance, inner, 1);
            Assert.DoesNotContain(folder.Files(), name => name.StartsWith("checkpoint-", StringComparison.Ordinal));
        });

        Assert.Equal(["checkpoint-5"], folder.Files());
        Assert.Empty(Integrity.Verify(folder["checkpoint-5"]));
        Assert.Equal(1, Version(folder["checkpoint-5"]));
    }

    [Fact]
    public void A_folder_of_the_same_name_is_replaced_whole()
    {
        using var folder = new TemporaryFolder();
        AtomicFolder.Write(folder["checkpoint-5"], inner => File.WriteAllText(Path.Combine(inner, "stale"), "x"));
        AtomicFolder.Write(folder["checkpoint-5"] + "/", inner => Fill(RealFileSystem.Instance, inner, 2));

        Assert.Equal(["checkpoint-5"], folder.Files());
        Assert.False(File.Exists(Path.Combine(folder["checkpoint-5"], "stale")));
        Assert.Equal(2, Version(folder["checkpoint-5"]));
    }

    [Theory]
    [InlineData("NoSpace", false)]
    [InlineData("Device", true)]
    [InlineData("Denied", true)]
    public void Whatever_call_fails_the_error_is_told_and_the_checkpoint_is_whole(string fault, bool replaces)
    {
        var faults = 0;
        var hasFailed = true;
        for (var k = 1; hasFailed; k++)
        {
            using var folder = new TemporaryFolder();
            var path = folder["checkpoint-5"];
            if (replaces)
            {
                AtomicFolder.Write(path, inner => Fill(RealFileSystem.Instance, inner, 1));
            }

            var files = new FaultyFileSystem(k, AtomicFileTests.Fault(fault), forever: false);
            var error = Record.Exception(() => AtomicFolder.Write(files, path, inner => Fill(files, inner, 2)));

            hasFailed = files.Failed;
            faults += hasFailed ? 1 : 0;
            Assert.Equal(hasFailed, error is CheckpointException);
            Assert.Equal(hasFailed, error is not null);
            if (replaces || !hasFailed || Directory.Exists(path))
            {
                Assert.Empty(Integrity.Verify(path));
                Assert.InRange(Version(path), replaces ? 1 : 2, 2);
            }

            if (hasFailed && Directory.Exists(path))
            {
                Assert.Equal(Version(path) == 2, error!.Message.StartsWith($"{path}: was written, but", StringComparison.Ordinal));
            }

            // Only the old folder may be left over, and only when it is its deletion that failed.
            var leftovers = folder.Files().Where(name => name != "checkpoint-5").ToArray();
            Assert.True(leftovers.Length == 0 || (leftovers.Length == 1 && Version(path) == 2), string.Join(", ", leftovers));
            Assert.DoesNotContain(leftovers, name => name.StartsWith("checkpoint-", StringComparison.Ordinal));
        }

        // The folder, three files of four calls and their writes, the flushes of all, the renames: less would mean that a call is not seen.
        Assert.InRange(faults, 20, 40);
    }

    [Fact]
    public void An_error_while_filling_passes_unchanged_and_leaves_nothing()
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<OperationCanceledException>(() => AtomicFolder.Write(folder["checkpoint-5"], inner =>
        {
            File.WriteAllText(Path.Combine(inner, "a"), "x");
            throw new OperationCanceledException();
        }));
        Assert.Empty(folder.Files());
    }

    [Fact]
    public void Leftovers_of_a_killed_process_are_deleted_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(Path.Combine(folder[".checkpoint-5.0123.partial"], "inner"));
        folder.Add(".model.safetensors.4567.partial", "x");
        folder.Add("notes.partial", "mine");
        Directory.CreateDirectory(folder["checkpoint-4"]);

        AtomicFolder.DeleteLeftovers(folder.FullPath);

        Assert.Equal(["checkpoint-4", "notes.partial"], folder.Files());
        Assert.Throws<CheckpointException>(() => AtomicFolder.DeleteLeftovers(folder["absent"]));
    }

    [Fact]
    public void A_folder_whose_replacement_was_never_named_gets_its_name_back()
    {
        // As a process leaves it that is killed between the two renames.
        using var folder = new TemporaryFolder();
        AtomicFolder.Write(folder["checkpoint-5"], inner => Fill(RealFileSystem.Instance, inner, 1));
        Directory.Move(folder["checkpoint-5"], folder[".checkpoint-5.replaced"]);
        Directory.CreateDirectory(folder[".checkpoint-5.0123.partial"]);

        AtomicFolder.DeleteLeftovers(folder.FullPath);

        Assert.Equal(["checkpoint-5"], folder.Files());
        Assert.Empty(Integrity.Verify(folder["checkpoint-5"]));
        Assert.Equal(1, Version(folder["checkpoint-5"]));
    }

    [Fact]
    public void A_folder_that_was_replaced_is_deleted_at_the_next_start_or_the_next_write()
    {
        using var folder = new TemporaryFolder();
        AtomicFolder.Write(folder["checkpoint-5"], inner => Fill(RealFileSystem.Instance, inner, 1));
        Directory.CreateDirectory(folder[".checkpoint-5.replaced"]);
        AtomicFolder.DeleteLeftovers(folder.FullPath);
        Assert.Equal(["checkpoint-5"], folder.Files());

        Directory.CreateDirectory(folder[".checkpoint-5.replaced"]);
        AtomicFolder.Write(folder["checkpoint-5"], inner => Fill(RealFileSystem.Instance, inner, 2));
        Assert.Equal(["checkpoint-5"], folder.Files());
        Assert.Equal(2, Version(folder["checkpoint-5"]));
    }

    private static void Fill(IFileSystem files, string folder, byte version)
    {
        AtomicFile.Write(files, Path.Combine(folder, "a.safetensors"), stream =>
            SafetensorsWriter.Write(stream, [TensorSource.FromBytes("version", DType.UInt8, [1], new[] { version })], null));
        Directory.CreateDirectory(Path.Combine(folder, "inner"));
        AtomicFile.Write(files, Path.Combine(folder, "inner", "b"), stream => stream.WriteByte(version));
        Integrity.WriteManifest(files, folder);
    }

    private static int Version(string folder)
    {
        using var file = SafetensorsFile.Open(Path.Combine(folder, "a.safetensors"));
        return file.ReadBytes("version")[0];
    }
}
