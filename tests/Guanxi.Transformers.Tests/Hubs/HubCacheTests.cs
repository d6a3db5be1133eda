using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Hubs;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Hubs;

/// <summary>Models in the caches of the hubs' own programs.</summary>
public sealed class HubCacheTests
{
    private const string First = "1111111111111111111111111111111111111111";
    private const string Second = "2222222222222222222222222222222222222222";

    [Fact]
    public void A_repository_folder_stands_for_the_snapshot_of_its_main_branch()
    {
        using var folder = new TemporaryFolder();
        var repository = folder["models--org--tiny"];
        Snapshot(repository, First);
        Assert.Equal(Path.Combine(repository, "snapshots", First), Cache(folder).Resolve(repository));

        Snapshot(repository, Second);
        var error = Assert.Throws<CheckpointException>(() => Cache(folder).Resolve(repository));
        Assert.Contains($"none is main; expected one of them; found {First}, {Second}", error.Message, StringComparison.Ordinal);

        Directory.CreateDirectory(Path.Combine(repository, "refs"));
        File.WriteAllText(Path.Combine(repository, "refs", "main"), Second + "\n");
        Assert.Equal(Path.Combine(repository, "snapshots", Second), Cache(folder).Resolve(repository + "/"));
        Assert.Equal(Path.Combine(repository, "snapshots", First), Cache(folder).Resolve(Path.Combine(repository, "snapshots", First)));
    }

    [Fact]
    public void A_repository_without_snapshot_was_not_downloaded_to_its_end()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(Path.Combine(folder["models--org--tiny"], "blobs"));

        Assert.Contains("has no snapshot", Assert.Throws<CheckpointException>(
            () => Cache(folder).Resolve(folder["models--org--tiny"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HF_HUB_CACHE", "models--org--ti.ny/snapshots/" + First)]
    [InlineData("HUGGINGFACE_HUB_CACHE", "models--org--ti.ny/snapshots/" + First)]
    [InlineData("HF_HOME", "hub/models--org--ti.ny/snapshots/" + First)]
    [InlineData("XDG_CACHE_HOME", "huggingface/hub/models--org--ti.ny/snapshots/" + First)]
    [InlineData("HOME", ".cache/huggingface/hub/models--org--ti.ny/snapshots/" + First)]
    [InlineData("HOME", ".cache/modelscope/hub/models/org/ti___ny")]
    [InlineData("HOME", ".cache/modelscope/hub/org/ti___ny")]
    [InlineData("HOME", ".cache/modelscope/models/org--ti.ny/snapshots/master")]
    [InlineData("MODELSCOPE_CACHE", "models/org/ti___ny")]
    [InlineData("MODELSCOPE_CACHE", "org/ti.ny")]
    public void A_name_is_found_where_the_hubs_programs_keep_it(string variable, string path)
    {
        using var folder = new TemporaryFolder();
        var model = Path.Combine(folder.FullPath, path);
        Directory.CreateDirectory(model);
        File.WriteAllText(Path.Combine(model, "config.json"), "{}");

        Assert.Equal(model, Cache(folder, variable).Resolve("org/ti.ny"));
    }

    [Theory]
    [InlineData("org/other")]
    [InlineData("tiny")]
    [InlineData("/org/tiny")]
    [InlineData("./org/tiny")]
    [InlineData("")]
    public void Anything_else_stays_what_it_is(string path)
    {
        using var folder = new TemporaryFolder();
        Snapshot(folder["models--org--tiny"], First);

        Assert.Equal(path, Cache(folder).Resolve(path));
    }

    [Fact]
    public void A_model_of_links_to_blobs_opens_as_any_other()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["plain"]);
        using (var model = TinyModel.Make(2))
        {
            ModelWriter.Write(model, folder["plain"], DType.Float32, ModelWriter.DefaultShardBytes);
        }

        var snapshot = Linked(folder["plain"], folder["models--org--tiny"]);
        using var scope = TensorScope.Enter();
        using var direct = LanguageModel.Load(folder["plain"], new LanguageModelOptions());
        using var linked = LanguageModel.Load(snapshot, new LanguageModelOptions());
        using var whole = LanguageModel.Load(folder["models--org--tiny"], new LanguageModelOptions());

        var expected = TinyModel.Logits(direct.Decoder).ToArray<float>();
        Assert.Equal(expected, TinyModel.Logits(linked.Decoder).ToArray<float>());
        Assert.Equal(expected, TinyModel.Logits(whole.Decoder).ToArray<float>());
        Assert.Equal(snapshot, whole.BaseFolder);
    }

    [Fact]
    public void What_is_not_here_is_told_with_the_command_that_brings_it()
    {
        var error = Assert.Throws<CheckpointException>(() => ModelFolder.Find("guanxi-test/not-there", null));

        Assert.Contains("./guanxi download guanxi-test/not-there --to models/not-there", error.Message, StringComparison.Ordinal);
    }

    private static HubCache Cache(TemporaryFolder folder, string variable = "HF_HUB_CACHE") =>
        new(new HubVariables(name => name == variable ? folder.FullPath : name == "HOME" ? "/nowhere" : null));

    private static void Snapshot(string repository, string commit)
    {
        var folder = Directory.CreateDirectory(Path.Combine(repository, "snapshots", commit)).FullName;
        File.WriteAllText(Path.Combine(folder, "config.json"), "{}");
    }

    /// <summary>A repository as Hugging Face's program lays it out: blobs without endings, and a snapshot of links to them.</summary>
    private static string Linked(string model, string repository)
    {
        var blobs = Directory.CreateDirectory(Path.Combine(repository, "blobs")).FullName;
        var snapshot = Directory.CreateDirectory(Path.Combine(repository, "snapshots", First)).FullName;
        foreach (var (i, file) in Directory.EnumerateFiles(model).Index())
        {
            File.Copy(file, Path.Combine(blobs, $"{i:x40}"));
            File.CreateSymbolicLink(Path.Combine(snapshot, Path.GetFileName(file)), $"../../blobs/{i:x40}");
        }

        return snapshot;
    }
}
