using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Xunit;

namespace Guanxi.Transformers.Tests.Models;

/// <summary>The decoder against transformers' fp32 forward and backward, on the positions that are not padding.</summary>
public sealed class DecoderParityTests
{
    // Two correct fp32 forms of the reference differ by 6e-6 (golden/models README); gradients sum over 80 tokens more.
    private const double Tolerance = 1e-4;

    // A mean of 70 losses near 9, each from fp32 logits.
    private const double LossTolerance = 2e-5;

    [Theory]
    [GoldenInlineData("golden/models/llama", "llama")]
    [GoldenInlineData("golden/models/llama3-rope", "llama3-rope")]
    [GoldenInlineData("golden/models/llama-linear-rope", "llama-linear-rope")]
    [GoldenInlineData("golden/models/mistral", "mistral")]
    [GoldenInlineData("golden/models/qwen2", "qwen2")]
    [GoldenInlineData("golden/models/qwen3", "qwen3")]
    [GoldenInlineData("golden/models/baichuan-7b", "baichuan-7b")]
    [GoldenInlineData("golden/models/baichuan-13b", "baichuan-13b")]
    [GoldenInlineData("golden/models/baichuan-13b-odd-heads", "baichuan-13b-odd-heads")]
    [GoldenInlineData("golden/models/baichuan2-7b", "baichuan2-7b")]
    [GoldenInlineData("golden/models/baichuan2-13b", "baichuan2-13b")]
    public void Hidden_states_and_logits_equal_the_reference(string family)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var golden = new GoldenFile($"models/{family}/expected.safetensors");
        using var model = Load(family);
        var (rows, indices) = GoldenBatch.Rows(golden, string.Empty);
        var seen = new List<Tensor>();

        var last = model.HiddenStates(TokenBatch.Of(rows), ForwardContext.Evaluate32, x => seen.Add(TensorScope.Detach(x.Alias())));
        var normed = model.Forward(TokenBatch.Of(rows), ForwardContext.Evaluate32);

        Assert.Equal(model.Config.LayerCount + 1, seen.Count);
        for (var i = 0; i < seen.Count; i++)
        {
            Close.Assert(GoldenBatch.Packed(golden[$"hidden.{i}"], indices), seen[i], Tolerance, $"hidden.{i}");
            seen[i].Dispose();
        }

        Close.Assert(last, GoldenBatch.Packed(golden[$"hidden.{seen.Count - 1}"], indices), Tolerance, "last layer");

        Close.Assert(GoldenBatch.Packed(golden["norm"], indices), normed, Tolerance, "norm");
        Close.Assert(GoldenBatch.Packed(golden["logits"], indices), model.Logits(normed, ForwardContext.Evaluate32), Tolerance, "logits");
    }

    [Theory]
    [GoldenInlineData("golden/models/llama", "llama", false)]
    [GoldenInlineData("golden/models/qwen2", "qwen2", false)]
    [GoldenInlineData("golden/models/qwen3", "qwen3", false)]
    [GoldenInlineData("golden/models/baichuan-7b", "baichuan-7b", false)]
    [GoldenInlineData("golden/models/baichuan-13b", "baichuan-13b", false)]
    [GoldenInlineData("golden/models/baichuan2-7b", "baichuan2-7b", false)]
    [GoldenInlineData("golden/models/llama", "llama", true)]
    [GoldenInlineData("golden/models/qwen3", "qwen3", true)]
    [GoldenInlineData("golden/models/baichuan-13b", "baichuan-13b", true)]
    public void Loss_and_all_gradients_equal_the_reference(string family, bool checkpointing)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var golden = new GoldenFile($"models/{family}/expected.safetensors");
        using var gradients = new GoldenFile($"models/{family}/grads.safetensors");
        using var model = Load(family);
        model.UseCheckpointing = checkpointing;
        foreach (var (_, parameter) in model.NamedParameters())
        {
            parameter.IsTrainable = true;
        }

        var (rows, _) = GoldenBatch.Rows(golden, string.Empty);
        var labels = golden["labels"].ToArray<long>();
        var width = (int)golden["labels"].Size(1);
        var (outputRows, targets) = Supervised(rows, labels, width);
        var context = new ForwardContext(DType.Float32, new DropoutKey(0, 0, 0));

        var hidden = model.Forward(TokenBatch.Of(rows) with { OutputRows = outputRows }, context);
        var loss = Functional.CrossEntropySum(model.Logits(hidden, context), Tensor.From<long>(targets, targets.Length), 0) / targets.Length;
        loss.Backward();

        Assert.Equal(golden["loss"].Item(), loss.Item(), LossTolerance);
        Assert.Equal(gradients.Names.Order(), model.NamedParameters().Select(pair => pair.Name).Order());
        foreach (var (name, parameter) in model.NamedParameters())
        {
            Close.Assert(gradients[name], parameter.Value.Grad!, Tolerance, name);
        }
    }

    [Theory]
    [GoldenInlineData("golden/models/llama", "llama")]
    [GoldenInlineData("golden/models/llama3-rope", "llama3-rope")]
    [GoldenInlineData("golden/models/llama-linear-rope", "llama-linear-rope")]
    [GoldenInlineData("golden/models/mistral", "mistral")]
    [GoldenInlineData("golden/models/qwen2", "qwen2")]
    [GoldenInlineData("golden/models/qwen3", "qwen3")]
    [GoldenInlineData("golden/models/baichuan-7b", "baichuan-7b")]
    [GoldenInlineData("golden/models/baichuan-13b", "baichuan-13b")]
    [GoldenInlineData("golden/models/baichuan-13b-odd-heads", "baichuan-13b-odd-heads")]
    [GoldenInlineData("golden/models/baichuan2-7b", "baichuan2-7b")]
    [GoldenInlineData("golden/models/baichuan2-13b", "baichuan2-13b")]
    public void A_left_padded_batch_gives_the_reference_logits_too(string family)
    {
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var golden = new GoldenFile($"models/{family}/expected.safetensors");
        using var model = Load(family);
        var (rows, _) = GoldenBatch.Rows(golden, "left.");
        var ends = new int[rows.Count];
        for (var i = 0; i < ends.Length; i++)
        {
            ends[i] = (i == 0 ? -1 : ends[i - 1]) + rows[i].Length;
        }

        var hidden = model.Forward(TokenBatch.Of(rows) with { OutputRows = ends }, ForwardContext.Evaluate32);

        Close.Assert(golden["left.last_logits"], model.Logits(hidden, ForwardContext.Evaluate32), Tolerance, "left.last_logits");
    }

    [Theory]
    [GoldenInlineData("golden/models/llama", "llama")]
    [GoldenInlineData("golden/models/llama3-rope", "llama3-rope")]
    [GoldenInlineData("golden/models/llama-linear-rope", "llama-linear-rope")]
    [GoldenInlineData("golden/models/mistral", "mistral")]
    [GoldenInlineData("golden/models/qwen2", "qwen2")]
    [GoldenInlineData("golden/models/qwen3", "qwen3")]
    [GoldenInlineData("golden/models/baichuan-7b", "baichuan-7b")]
    [GoldenInlineData("golden/models/baichuan-13b", "baichuan-13b")]
    [GoldenInlineData("golden/models/baichuan-13b-odd-heads", "baichuan-13b-odd-heads")]
    [GoldenInlineData("golden/models/baichuan2-7b", "baichuan2-7b")]
    [GoldenInlineData("golden/models/baichuan2-13b", "baichuan2-13b")]
    public void The_loss_equals_the_reference(string family)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var golden = new GoldenFile($"models/{family}/expected.safetensors");
        using var model = Load(family);
        var (rows, _) = GoldenBatch.Rows(golden, string.Empty);
        var (outputRows, targets) = Supervised(rows, golden["labels"].ToArray<long>(), (int)golden["labels"].Size(1));

        var hidden = model.Forward(TokenBatch.Of(rows) with { OutputRows = outputRows }, ForwardContext.Evaluate32);
        var logits = model.Logits(hidden, ForwardContext.Evaluate32);
        var loss = Functional.CrossEntropySum(logits, Tensor.From<long>(targets, targets.Length), 0) / targets.Length;

        Assert.Equal(golden["loss"].Item(), loss.Item(), LossTolerance);
    }

    [Theory]
    [GoldenInlineData("golden/models/qwen3", "qwen3")]
    [GoldenInlineData("golden/models/baichuan-13b", "baichuan-13b")]
    [GoldenInlineData("golden/models/mistral", "mistral")]
    public void A_prefix_in_the_cache_changes_nothing(string family)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var golden = new GoldenFile($"models/{family}/expected.safetensors");
        using var model = Load(family);
        var row = GoldenBatch.Rows(golden, string.Empty).Rows[0];
        int[] prefix = row[..17];
        int[][] ends = [row[17..], [.. row[17..30].Reverse()]];
        var plain = model.Forward(TokenBatch.Of([.. ends.Select(end => (int[])[.. prefix, .. end])]), ForwardContext.Evaluate32);
        using var cache = new KeyValueCache(model.Config.LayerCount);
        model.Forward(TokenBatch.Of([prefix]) with { Cache = cache, AppendToCache = true }, ForwardContext.Evaluate32);

        var layout = SequenceLayout.Rows([.. ends.Select(end => end.Length)], prefix.Length);
        var tokens = ends.SelectMany(end => end).Select(id => (long)id).ToArray();
        var cached = model.Forward(new TokenBatch(tokens, layout) { Cache = cache }, ForwardContext.Evaluate32);

        var expected = Tensor.Cat(
            [plain.Narrow(0, prefix.Length, ends[0].Length), plain.Narrow(0, row.Length + prefix.Length, ends[1].Length)], 0);
        Close.Assert(expected, cached, Tolerance, "behind the cache");
    }

    [Fact]
    public void Tokens_are_added_to_a_cache_only_where_there_is_one_and_they_are_one_row()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var model = TinyModel.Make(layers: 1);
        using var cache = new KeyValueCache(1);

        Assert.Contains("it has no cache and 1 rows", Refused(TokenBatch.Of([[1, 2]]) with { AppendToCache = true }), StringComparison.Ordinal);
        Assert.Contains(
            "it has a cache and 2 rows", Refused(TokenBatch.Of([[1], [2]]) with { AppendToCache = true, Cache = cache }), StringComparison.Ordinal);

        string Refused(TokenBatch batch) => Assert.Throws<ArgumentException>(() => model.Forward(batch, ForwardContext.Evaluate32)).Message;
    }

    // The reference's own logits in bf16 are off by up to 0.3; case.json allows 0.4.
    [Theory]
    [GoldenInlineData("golden/models/llama3-rope", "llama3-rope")]
    [GoldenInlineData("golden/models/mistral", "mistral")]
    [GoldenInlineData("golden/models/baichuan-13b-odd-heads", "baichuan-13b-odd-heads")]
    [GoldenInlineData("golden/models/baichuan2-13b", "baichuan2-13b")]
    public void Logits_in_the_stored_type_are_as_near_as_those_of_the_reference(string family)
    {
        const double NativeTolerance = 0.4;
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var golden = new GoldenFile($"models/{family}/expected.safetensors");
        using var model = Load(family, null);
        var (rows, indices) = GoldenBatch.Rows(golden, string.Empty);
        var context = new ForwardContext(DType.BFloat16, null);

        var logits = model.Logits(model.Forward(TokenBatch.Of(rows), context), context);

        Assert.Equal(DType.BFloat16, logits.DType);
        Close.Assert(GoldenBatch.Packed(golden["logits"], indices), logits, NativeTolerance, "logits");
        Close.Assert(GoldenBatch.Packed(golden["native.logits"], indices), logits, NativeTolerance, "native.logits");
    }

    private static Decoder Load(string family) => Load(family, DType.Float32);

    private static Decoder Load(string family, DType? storage)
    {
        var folder = Golden.Locate($"models/{family}/hf");
        using var reader = CheckpointReader.Open(folder);
        var weights = new CheckpointWeights(reader, new WeightLoading { StorageType = storage });
        var model = new Decoder(DecoderConfig.Read(folder), weights);
        weights.Finish(name => name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal)
            || (model.Config.TieWordEmbeddings && name == "lm_head.weight"));
        return model;
    }

    private static (int[] Rows, long[] Targets) Supervised(List<int[]> rows, long[] labels, int width)
    {
        var (places, targets, start) = (new List<int>(), new List<long>(), 0);
        for (var row = 0; row < rows.Count; row++)
        {
            for (var i = 0; i + 1 < rows[row].Length; i++)
            {
                if (labels[(row * width) + i + 1] != -100)
                {
                    places.Add(start + i);
                    targets.Add(labels[(row * width) + i + 1]);
                }
            }

            start += rows[row].Length;
        }

        return ([.. places], [.. targets]);
    }
}
