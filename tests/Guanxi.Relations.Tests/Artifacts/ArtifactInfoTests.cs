using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Prompts;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Xunit;

namespace Guanxi.Relations.Tests.Artifacts;

public sealed class ArtifactInfoTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("guanxi-test-").FullName;

    private static ArtifactInfo Full => new()
    {
        Method = "llm",
        Labels = ["不知道", "夫妻"],
        Aliases = new Dictionary<string, IReadOnlyList<string>> { ["不知道"] = ["unknown", "不确定"] },
        PromptTemplate = "'{text}'里{people1}和{people2}？",
        ChatFormat = InstructionEncoder.Format,
        StopTokens = [StubTokenizer.StopSpelling],
        TokenizerSha256 = "00ff",
        MaxLength = 256,
        Decoding = "constrained",
        Metrics = new Dictionary<string, double> { ["weighted_f1"] = 0.8825, ["log_loss"] = 1e-7 },
        Seed = 42,
        Versions = new Dictionary<string, string> { ["guanxi"] = "0.1.0" },
        BaseModel = new BaseModelIdentity("models/base", "abcd"),
    };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_is_written_is_read_again()
    {
        Full.Write(_folder);
        var first = File.ReadAllText(Path.Combine(_folder, ArtifactInfo.FileName));

        var read = ArtifactInfo.TryRead(_folder)!;
        read.Write(_folder);

        Assert.Equal(first, File.ReadAllText(Path.Combine(_folder, ArtifactInfo.FileName)));
        Assert.Contains("'{text}'里{people1}和{people2}？", first, StringComparison.Ordinal);
        Assert.Equal(0.8825, read.Metrics["weighted_f1"]);
        Assert.Equal(Full.BaseModel, read.BaseModel);
        Assert.Equal((42, 256, "constrained", "llm"), (read.Seed, read.MaxLength, read.Decoding, read.Method));
        Assert.Equal("不知道", read.ToSchema("test").Canonical("不确定"));
    }

    [Fact]
    public void A_folder_may_have_no_file_or_one_that_names_only_the_prompt()
    {
        Assert.Null(ArtifactInfo.TryRead(_folder));
        Put("""{"prompt_template": "{masked_text}甲和乙之间的关系是", "metrics": null}""");

        var info = ArtifactInfo.TryRead(_folder)!;

        Assert.Equal(PromptTemplate.Masked, info.PromptTemplate);
        Assert.Empty(info.Labels);
        info.Require(new StubTokenizer(100, 1, 2), _folder);
        info.RequireBase(new BaseModelIdentity("any", "1234"), _folder);
    }

    [Fact]
    public void Unknown_keys_are_ignored_and_a_newer_format_is_refused()
    {
        Put("""{"format_version": 1, "method": "llm", "colour": {"of": ["the", "sky"]}}""");
        Assert.Equal("llm", ArtifactInfo.TryRead(_folder)!.Method);

        Put("""{"format_version": 2, "method": {"new": "form"}}""");
        var refused = Assert.Throws<CheckpointException>(() => ArtifactInfo.TryRead(_folder));
        Assert.Contains("newer version", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_value_of_a_wrong_kind_is_listed()
    {
        Put("""
            {"method": 1, "labels": ["a", 2], "aliases": {"b": ["c"], "a": "d"}, "max_length": 0, "seed": 1.5,
            "metrics": {"f1": "high"}, "versions": [], "base_model": 3}
            """);

        var refused = Assert.Throws<CheckpointException>(() => ArtifactInfo.TryRead(_folder));

        string[] keys = ["method", "labels", "aliases, a", "max_length", "metrics, f1", "seed", "versions", "base_model", "aliases"];
        var path = Path.Combine(_folder, ArtifactInfo.FileName);
        Assert.Equal(keys.Order(), refused.Problems.Select(problem => problem.Where[(path.Length + 2)..]).Order());
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"method\": \"llm\"")]
    [InlineData("{\"seed\": 1, \"seed\": 2}")]
    [InlineData("{\"method\": \"\\ud800\"}")]
    [InlineData("{\"\\ud800\": 1}")]
    public void A_damaged_file_is_named(string text)
    {
        Put(text);

        var refused = Assert.Throws<CheckpointException>(() => ArtifactInfo.TryRead(_folder));

        Assert.StartsWith(Path.Combine(_folder, ArtifactInfo.FileName), refused.Problems[0].Where, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_no_text_are_refused_and_a_byte_order_mark_is_not()
    {
        File.WriteAllBytes(Path.Combine(_folder, ArtifactInfo.FileName), [.. "{\"method\": \""u8, 0xFF, .. "\"}"u8]);
        Assert.Throws<CheckpointException>(() => ArtifactInfo.TryRead(_folder));

        File.WriteAllBytes(Path.Combine(_folder, ArtifactInfo.FileName), [0xEF, 0xBB, 0xBF, .. "{\"method\": \"llm\"}"u8]);
        Assert.Equal("llm", ArtifactInfo.TryRead(_folder)!.Method);
    }

    [Fact]
    public void Another_tokenizer_stop_token_and_format_are_refused_together_with_both_sides_named()
    {
        Full.Require(new StubTokenizer(100, 1, 2), _folder);

        var refused = Assert.Throws<CheckpointException>(
            () => (Full with { ChatFormat = "chatml" }).Require(new StubTokenizer(100, 1, null) { Fingerprint = "11ee" }, _folder));

        Assert.Equal(["00ff", StubTokenizer.StopSpelling, InstructionEncoder.Format], refused.Problems.Select(problem => problem.Expected));
        Assert.Equal(["11ee", "no such token", "chatml"], refused.Problems.Select(problem => problem.Found));
    }

    [Fact]
    public void A_model_is_known_by_its_configuration_and_weights_and_nothing_else()
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), "{}");
        File.WriteAllBytes(Path.Combine(_folder, "model.safetensors"), new byte[200_000]);
        var first = BaseModelIdentity.Of(_folder, "base");

        Full.Write(_folder);
        Assert.Equal(first, BaseModelIdentity.Of(_folder, "base"));
        (Full with { BaseModel = first }).RequireBase(first with { NameOrPath = "moved" }, _folder);

        foreach (var (file, place) in new[] { ("config.json", 0), ("model.safetensors", 0), ("model.safetensors", 199_999) })
        {
            Flip(file, place);
            var other = BaseModelIdentity.Of(_folder, "base");
            Flip(file, place);
            Assert.NotEqual(first.Sha256, other.Sha256);
            var refused = Assert.Throws<CheckpointException>(() => (Full with { BaseModel = first }).RequireBase(other, _folder));
            Assert.Contains(first.Sha256!, refused.Message, StringComparison.Ordinal);
        }

        Assert.Equal(first, BaseModelIdentity.Of(_folder, "base"));
        Assert.Throws<CheckpointException>(() => BaseModelIdentity.Of(Path.Combine(_folder, "none"), "base"));
    }

    [Fact]
    public void A_quantised_copy_of_the_base_is_accepted_and_what_is_not_quantised_must_be_the_same()
    {
        var (dense, copy, other) = (Folder("dense"), Folder("copy"), Folder("other"));
        using (var model = LanguageModel.Load(Golden.Locate("peft/base"), new LanguageModelOptions { Storage = WeightStorage.Float32 }))
        {
            SpreadNorms(model.Decoder, 1);
            ModelWriter.Write(model.Decoder, dense, null, ModelWriter.DefaultShardBytes);
            SpreadNorms(model.Decoder, 1.5);
            ModelWriter.Write(model.Decoder, other, null, ModelWriter.DefaultShardBytes);
        }

        using (var quantised = LanguageModel.Load(dense, new LanguageModelOptions { Storage = WeightStorage.Nf4 }))
        {
            ModelWriter.WriteQuantized(quantised.Decoder, copy, ModelWriter.DefaultShardBytes);
        }

        var (full, small) = (BaseModelIdentity.Of(dense, "dense"), BaseModelIdentity.Of(copy, "copy"));
        Assert.NotEqual(full.Sha256, small.Sha256);
        Assert.Equal((false, true), (full.IsQuantized, small.IsQuantized));
        Assert.Equal(full.NormsSha256, small.NormsSha256);
        (Full with { BaseModel = small }).RequireBase(full, _folder);
        (Full with { BaseModel = full }).RequireBase(small, _folder);

        (Full with { BaseModel = small }).Write(_folder);
        Assert.Equal(small, ArtifactInfo.TryRead(_folder)!.BaseModel);

        var stranger = BaseModelIdentity.Of(other, "other");
        Assert.Throws<CheckpointException>(() => (Full with { BaseModel = small }).RequireBase(stranger, _folder));
        var merged = full with { Sha256 = "00" };
        Assert.Throws<CheckpointException>(() => (Full with { BaseModel = full }).RequireBase(merged, _folder));
    }

    private string Folder(string name) => Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;

    // Fresh norms are all ones and tell no model from another.
    private static void SpreadNorms(Decoder decoder, double size)
    {
        using var scope = TensorScope.Enter();
        foreach (var (name, parameter) in decoder.NamedParameters())
        {
            if (name.Contains("norm", StringComparison.Ordinal))
            {
                parameter.Value.UniformInPlace(0.5 * size, size);
            }
        }
    }

    private void Put(string text) => File.WriteAllText(Path.Combine(_folder, ArtifactInfo.FileName), text);

    private void Flip(string file, int place)
    {
        var path = Path.Combine(_folder, file);
        var bytes = File.ReadAllBytes(path);
        bytes[place] ^= 1;
        File.WriteAllBytes(path, bytes);
    }
}
