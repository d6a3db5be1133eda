using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Checkpoints.Torch;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints;

public sealed class CheckpointReaderTests
{
    [GoldenFact("golden/models/llama")]
    public void A_folder_with_one_file_gives_all_its_tensors()
    {
        using var reader = CheckpointReader.Open(Golden.Locate("models/llama/hf"));
        using var file = SafetensorsFile.Open(Golden.Locate("models/llama/hf/model.safetensors"));

        Assert.Equal(file.Entries.Keys, reader.Names);
        Assert.True(reader.TryGet("lm_head.weight", out var holder, out var entry));
        Assert.Equal([1000, 64], entry.Shape);
        Assert.Equal(file.ReadBytes("lm_head.weight"), holder.ReadBytes("lm_head.weight"));
        Assert.False(reader.TryGet("lm_head.bias", out _, out _));
    }

    [GoldenFact("golden/models/baichuan2-7b")]
    public void Shards_give_the_tensors_that_the_index_promises()
    {
        using var reader = CheckpointReader.Open(Golden.Locate("models/baichuan2-7b/hf"));

        var index = Golden.Json("models/baichuan2-7b/hf/model.safetensors.index.json");
        var promised = index.GetProperty("weight_map").EnumerateObject().ToArray();
        Assert.Equal(promised.Select(item => item.Name), reader.Names);
        Assert.All(promised, item =>
        {
            Assert.True(reader.TryGet(item.Name, out var file, out _));
            Assert.Equal(item.Value.GetString(), Path.GetFileName(file.FilePath));
        });
    }

    [GoldenFact("golden/peft/rslora_r4")]
    public void A_single_file_may_be_named_itself()
    {
        using var reader = CheckpointReader.Open(Golden.Locate("peft/rslora_r4/adapter/adapter_model.safetensors"));
        Assert.Equal(12, reader.Names.Count);
    }

    [GoldenFact("golden/models/mistral")]
    public void A_shard_is_opened_when_it_is_needed_and_not_before()
    {
        using var folder = CopyShards();
        File.WriteAllText(folder["model-00002-of-00003.safetensors"], "damaged");
        using var reader = CheckpointReader.Open(folder.FullPath);

        Assert.True(reader.TryGet("model.embed_tokens.weight", out _, out _));
        Assert.Throws<CheckpointException>(() => reader.Names.Count(name => reader.TryGet(name, out _, out _)));
    }

    [GoldenFact("golden/models/mistral")]
    public void All_missing_shards_are_named_on_opening()
    {
        using var folder = CopyShards();
        File.Delete(folder["model-00001-of-00003.safetensors"]);
        File.Delete(folder["model-00003-of-00003.safetensors"]);

        var error = Assert.Throws<CheckpointException>(() => CheckpointReader.Open(folder.FullPath));
        Assert.Equal(
            ["model-00003-of-00003.safetensors", "model-00001-of-00003.safetensors"],
            error.Problems.Select(problem => Path.GetFileName(problem.Where)));
    }

    [GoldenFact("golden/models/mistral")]
    public void A_shard_that_lacks_what_the_index_promises_is_refused()
    {
        using var folder = CopyShards();
        folder.Add("model-00003-of-00003.safetensors", File.ReadAllBytes(folder["model-00001-of-00003.safetensors"]));
        using var reader = CheckpointReader.Open(folder.FullPath);

        var error = Assert.Throws<CheckpointException>(() => reader.TryGet("lm_head.weight", out _, out _));
        Assert.Equal(folder["model-00003-of-00003.safetensors"], Assert.Single(error.Problems).Where);
        Assert.Contains("'lm_head.weight' is not in the file", error.Message, StringComparison.Ordinal);
    }

    [GoldenTheory("golden/models/malicious")]
    [InlineData("models/malicious/index-path-escape.json")]
    [InlineData("models/malicious/index-absolute-path.json")]
    public void The_malicious_indexes_are_refused(string golden) =>
        Refuse(File.ReadAllText(Golden.Locate(golden)), "a shard lies outside the folder");

    [Theory]
    [InlineData("""{"weight_map": {"a": "../x/model.safetensors"}}""", "a shard lies outside the folder")]
    [InlineData("""{"weight_map": {"a": "b/../../model.safetensors"}}""", "a shard lies outside the folder")]
    [InlineData("""{"weight_map": {"a": ""}}""", "a shard lies outside the folder")]
    [InlineData("""{"weight_map": {"a": "."}}""", "a shard lies outside the folder")]
    [InlineData("""{"weight_map": {"a": "x\u0000.safetensors"}}""", "a shard lies outside the folder")]
    [InlineData("""{"weight_map": {"a": "pytorch_model-1.bin"}}""", "a shard is of a kind that is not read")]
    [InlineData("""{"weight_map": {"a": 1}}""", "not a file name")]
    [InlineData("""{"weight_map": []}""", "the key is missing or no object")]
    [InlineData("""{}""", "the key is missing or no object")]
    [InlineData("""{"weight_map": {"a": "model.safetensors", "a": "model.safetensors"}}""", "not valid JSON")]
    public void A_wrong_index_is_refused(string index, string what) => Refuse(index, what);

    [Fact]
    public void A_folder_without_weights_that_are_read_says_what_is_there()
    {
        using var folder = new TemporaryFolder();
        folder.Add("model.gguf", "x");
        folder.Add("config.json", "{}");

        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => CheckpointReader.Open(folder.FullPath)).Problems);
        Assert.Equal((folder.FullPath, "model.gguf"), (problem.Where, problem.Found));
        Assert.Contains("model.safetensors", problem.Expected, StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(() => CheckpointReader.Open(folder["model.gguf"]));
        Assert.Throws<CheckpointException>(() => CheckpointReader.Open(folder["absent"]));
        Assert.Throws<CheckpointException>(() => CheckpointReader.Open(folder["absent.bin"]));
    }

    [GoldenFact("golden/models/malicious")]
    public void Safetensors_are_preferred_and_a_file_of_torch_is_read_where_there_are_none()
    {
        using var folder = new TemporaryFolder();
        folder.Add("pytorch_model.bin", File.ReadAllBytes(Golden.Locate("models/malicious/good.bin")));
        using (var torch = CheckpointReader.Open(folder.FullPath))
        {
            Assert.Equal(folder["pytorch_model.bin"], torch.Source);
            Assert.True(torch.TryGet("a.weight", out var file, out _));
            Assert.IsType<TorchFile>(file);
        }

        SafetensorsWriter.Write(folder["model.safetensors"], [TensorSource.FromBytes("b", DType.UInt8, [1], new byte[1])], SafetensorsWriter.PyTorchMetadata);
        using var preferred = CheckpointReader.Open(folder.FullPath);
        Assert.Equal(["b"], preferred.Names);
    }

    [GoldenFact("golden/models/baichuan-13b")]
    public void Shards_of_torch_give_the_tensors_that_their_index_promises()
    {
        using var reader = CheckpointReader.Open(Golden.Locate("models/baichuan-13b/hf"));
        var promised = Golden.Json("models/baichuan-13b/hf/pytorch_model.bin.index.json").GetProperty("weight_map").EnumerateObject().ToArray();

        Assert.Equal(promised.Select(item => item.Name), reader.Names);
        Assert.All(promised, item =>
        {
            Assert.True(reader.TryGet(item.Name, out var file, out _));
            Assert.Equal(item.Value.GetString(), Path.GetFileName(file.FilePath));
        });
    }

    [GoldenFact("golden/models/malicious")]
    public void The_index_of_torch_files_is_held_to_the_same_rules()
    {
        foreach (var index in new[] { "index-path-escape.json", "index-absolute-path.json" })
        {
            Refuse(File.ReadAllText(Golden.Locate($"models/malicious/{index}")), "a shard lies outside the folder", CheckpointReader.TorchIndexName);
        }

        Refuse("""{"weight_map": {"a": "model.safetensors"}}""", "a shard is of a kind that is not read", CheckpointReader.TorchIndexName);
    }

    [GoldenFact("golden/models/llama")]
    public void A_closed_reader_gives_nothing()
    {
        var reader = CheckpointReader.Open(Golden.Locate("models/llama/hf"));
        reader.Dispose();
        Assert.Throws<ObjectDisposedException>(() => reader.TryGet("lm_head.weight", out _, out _));
    }

    private static void Refuse(string index, string what, string name = CheckpointReader.IndexName)
    {
        using var folder = new TemporaryFolder();
        folder.Add(name, index);
        var error = Assert.Throws<CheckpointException>(() => CheckpointReader.Open(folder.FullPath));
        Assert.Contains(error.Problems, problem => problem.What == what);
        Assert.StartsWith(folder[name], error.Message, StringComparison.Ordinal);
    }

    private static TemporaryFolder CopyShards()
    {
        var folder = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(Golden.Locate("models/mistral/hf"), "model*"))
        {
            // Bytes and not the file: the copy must be writable where the original is not.
            folder.Add(Path.GetFileName(file), File.ReadAllBytes(file));
        }

        return folder;
    }
}
