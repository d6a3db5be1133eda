using Guanxi.Transformers.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints;

public sealed class IntegrityTests
{
    private const int BlockBytes = 4096;
    private const int Flips = 300;

    [Fact]
    public void An_untouched_folder_has_no_problems()
    {
        using var folder = Checkpoint();
        Assert.Empty(Integrity.Verify(folder.FullPath));

        // It vouches for what was written; what somebody adds is his own affair.
        folder.Add("notes.txt", "mine");
        Assert.Empty(Integrity.Verify(folder.FullPath));
    }

    [Fact]
    public void A_file_cut_off_at_any_block_is_found()
    {
        using var folder = Checkpoint();
        foreach (var name in Names(folder))
        {
            var whole = File.ReadAllBytes(folder[name]);
            for (var length = 0; length < whole.Length; length += BlockBytes)
            {
                folder.Add(name, whole[..length]);
                Assert.True(Integrity.Verify(folder.FullPath).Count > 0, $"{name} cut to {length} bytes");
            }

            folder.Add(name, whole);
        }

        Assert.Empty(Integrity.Verify(folder.FullPath));
    }

    [Fact]
    public void Every_one_of_three_hundred_flipped_bits_is_found()
    {
        using var folder = Checkpoint();
        var names = Names(folder);
        var random = new Random(7);
        for (var i = 0; i < Flips; i++)
        {
            var name = names[i % names.Length];
            var bytes = File.ReadAllBytes(folder[name]);
            var (at, bit) = (random.Next(bytes.Length), (byte)(1 << random.Next(8)));
            bytes[at] ^= bit;
            folder.Add(name, bytes);
            Assert.True(Integrity.Verify(folder.FullPath).Count > 0, $"{name}, byte {at}, bit {bit}");
            bytes[at] ^= bit;
            folder.Add(name, bytes);
        }

        Assert.Empty(Integrity.Verify(folder.FullPath));
    }

    [Fact]
    public void Every_place_in_the_manifest_counts()
    {
        using var folder = new TemporaryFolder();
        folder.Add("a", "x");
        Integrity.WriteManifest(folder.FullPath);
        var bytes = File.ReadAllBytes(folder[Integrity.FileName]);

        // Three has no factor in common with eight: every byte is visited, and every bit of a byte in turn.
        for (var bit = 0; bit < bytes.Length * 8; bit += 3)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            folder.Add(Integrity.FileName, bytes);
            Assert.True(Integrity.Verify(folder.FullPath).Count > 0, $"bit {bit}");
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void All_problems_are_told_with_their_files()
    {
        using var folder = Checkpoint();
        File.Delete(folder["config.json"]);
        folder.Add("model.safetensors", new byte[3]);
        folder.Add("inner/rng", new byte[5000]);

        var problems = Integrity.Verify(folder.FullPath);

        Assert.Equal(
            [
                (folder["config.json"], "the file is missing"),
                (folder["inner/rng"], "the content is not what was written"),
                (folder["model.safetensors"], "the file has another size than when it was written"),
            ],
            problems.Select(problem => (problem.Where, problem.What)).Order());
    }

    [Theory]
    [InlineData("../secret")]
    [InlineData("inner/../../secret")]
    [InlineData("/etc/passwd")]
    [InlineData("a\\u0000")]
    [InlineData(".")]
    [InlineData("")]
    public void A_name_that_leaves_the_folder_is_a_problem_and_not_followed(string name)
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["inner"]);
        folder.Add(Integrity.FileName, $$"""
            {
              "files": {
                "{{name}}": {
                  "sha256": "00",
                  "size": 1
                }
              }
            }

            """);
        Assert.Equal("a name leaves the folder", Assert.Single(Integrity.Verify(folder.FullPath)).What);
    }

    [Theory]
    [InlineData("""{"files": {"a": {"sha256": 1, "size": "1"}}}""")]
    [InlineData("""{"files": []}""")]
    [InlineData("""{}""")]
    [InlineData("[1]")]
    public void A_foreign_manifest_is_a_problem(string manifest)
    {
        using var folder = new TemporaryFolder();
        folder.Add(Integrity.FileName, manifest);
        Assert.NotEmpty(Integrity.Verify(folder.FullPath));
    }

    [Fact]
    public void A_missing_manifest_or_folder_is_a_problem()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(folder[Integrity.FileName], Assert.Single(Integrity.Verify(folder.FullPath)).Where);
        Assert.Single(Integrity.Verify(folder["absent"]));
        Assert.Throws<CheckpointException>(() => Integrity.WriteManifest(folder["absent"]));
    }

    private static TemporaryFolder Checkpoint()
    {
        var folder = new TemporaryFolder();
        var random = new Random(3);
        Directory.CreateDirectory(folder["inner"]);
        foreach (var (name, size) in new[] { ("model.safetensors", 30_000), ("config.json", 900), ("inner/rng", 5_000) })
        {
            var bytes = new byte[size];
            random.NextBytes(bytes);
            folder.Add(name, bytes);
        }

        Integrity.WriteManifest(folder.FullPath);
        return folder;
    }

    private static string[] Names(TemporaryFolder folder) =>
    [
        .. Directory.EnumerateFiles(folder.FullPath, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(folder.FullPath, path))
            .Order(StringComparer.Ordinal),
    ];
}
