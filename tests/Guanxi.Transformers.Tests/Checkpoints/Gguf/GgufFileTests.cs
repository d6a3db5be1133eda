using System.Security.Cryptography;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Checkpoints.Gguf;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints.Gguf;

public sealed class GgufFileTests
{
    [Fact]
    public void Keys_and_tensors_are_read_whatever_width_they_are_stored_in()
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        using var file = GgufFile.Open(folder.Add("a.gguf", GgufImage.Sound()));
        var problems = new List<Problem>();

        Assert.Equal("test", file.Metadata.Text("general.architecture", problems));
        Assert.True(file.Metadata.Flag("flag", problems));
        Assert.Equal(12345678901, file.Metadata.Whole("whole", problems));
        Assert.Equal(1.5, file.Metadata.Number("single", problems));
        Assert.Equal(["a", "中"], file.Metadata.Texts("texts", problems)!);
        Assert.Equal([1.0, -1, 3], file.Metadata.Numbers("numbers", problems)!);
        Assert.Equal([1.0, 2, 3, 255], file.Metadata.Numbers("bytes", problems)!);
        Assert.Null(file.Metadata.Text("absent", problems));
        Assert.Empty(problems);
        Assert.Null(file.Metadata.Whole("general.architecture", problems));
        Assert.Contains("a.gguf, general.architecture: the value is of another kind; expected a whole number; found 'test'",
            $"{Assert.Single(problems)}", StringComparison.Ordinal);

        Assert.Equal([2L, 4L], file.Entries["a"].Shape);
        Assert.Equal((DType.Float32, false), (file.Entries["a"].DType, file.Entries["a"].IsEncoded));
        Assert.Equal(BitConverter.ToSingle([4, 5, 6, 7]), file.ReadSingles("a")[1]);
        Assert.Equal((DType.Float32, true, GgmlType.Q8_0), (file.Entries["b"].DType, file.Entries["b"].IsEncoded, file.Tensors["b"].Type));
        var scale = (float)BitConverter.ToHalf([32, 33]);
        Assert.Equal(Enumerable.Range(34, 32).Select(code => code * scale), file.ReadSingles("b"));
    }

    [GoldenFact("golden/smollm2")]
    public void Every_tensor_of_a_real_file_has_the_bits_of_the_reference()
    {
        using var leaks = new LeakCheck();
        using var file = GgufFile.Open(Golden.Locate("smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"));
        var expected = Golden.Json("smollm2/tensors.json").EnumerateArray().ToArray();

        Assert.Equal(expected.Select(item => item.GetProperty("name").GetString()), file.Tensors.Keys);
        foreach (var item in expected)
        {
            var info = file.Tensors[item.GetProperty("name").GetString()!];
            Assert.Equal(item.GetProperty("type").GetString(), $"{info.Type}");
            Assert.Equal(item.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()), info.Shape);
        }

        // Names and order of rows are those of Hugging Face: layers that are not reordered are compared whole, the others by their sum.
        using var scope = TensorScope.Enter();
        foreach (var item in expected.Where(item => IsAsStored(item.GetProperty("name").GetString()!)).Take(40))
        {
            using var part = TensorScope.Enter();
            var entry = file.Entries[GgufNames.ToOther(item.GetProperty("name").GetString()!)];
            var bytes = TensorBytes.Of(file.ToTensor(entry));
            Assert.Equal(item.GetProperty("sha256_f32").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));
        }

        var query = expected.Single(item => item.GetProperty("name").GetString() == "blk.0.attn_q.weight");
        var rows = GgufFile.HalvesToPairs(file.ToTensor(file.Entries["model.layers.0.self_attn.q_proj.weight"]), 9);
        Assert.Equal(query.GetProperty("sha256_f32").GetString(), Convert.ToHexStringLower(SHA256.HashData(TensorBytes.Of(rows))));
    }

    [Fact]
    public void Rows_that_are_rotated_together_come_apart_and_together_again()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var rows = Tensor.From<float>([.. Enumerable.Range(0, 16).Select(i => (float)i)], 8, 2);

        var halves = GgufFile.PairsToHalves(rows, heads: 2);

        // Two heads of four rows: 0 2 1 3, 4 6 5 7.
        Assert.Equal([0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15], halves.ToArray<float>());
        Close.Assert(rows, GgufFile.HalvesToPairs(halves, heads: 2), 0, "back");
    }

    [Theory]
    [InlineData("token_embd.weight", "model.embed_tokens.weight")]
    [InlineData("output.weight", "lm_head.weight")]
    [InlineData("output_norm.weight", "model.norm.weight")]
    [InlineData("blk.12.attn_q.bias", "model.layers.12.self_attn.q_proj.bias")]
    [InlineData("blk.0.attn_k_norm.weight", "model.layers.0.self_attn.k_norm.weight")]
    [InlineData("blk.3.ffn_norm.weight", "model.layers.3.post_attention_layernorm.weight")]
    [InlineData("blk.3.ffn_down.weight", "model.layers.3.mlp.down_proj.weight")]
    public void Names_are_translated_both_ways(string gguf, string other)
    {
        Assert.Equal(other, GgufNames.ToOther(gguf));
        Assert.Equal(gguf, GgufNames.ToGguf(other));
    }

    [Theory]
    [InlineData("rope_freqs.weight")]
    [InlineData("blk.x.attn_q.weight")]
    [InlineData("blk.0.unheard_of.weight")]
    [InlineData("nothing")]
    public void Other_names_stay_as_they_are(string name)
    {
        Assert.Equal(name, GgufNames.ToOther(name));
        Assert.Null(GgufNames.ToGguf(name));
    }

    private static bool IsAsStored(string name) =>
        !name.Contains("attn_q.", StringComparison.Ordinal) && !name.Contains("attn_k.", StringComparison.Ordinal);
}
