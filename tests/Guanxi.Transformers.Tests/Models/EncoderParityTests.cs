using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Xunit;

namespace Guanxi.Transformers.Tests.Models;

/// <summary>The encoder against transformers' fp32 forward and backward, on the positions that are not padding.</summary>
public sealed class EncoderParityTests
{
    // Two correct fp32 forms of the reference differ by 6e-6 (golden/models README).
    private const double Tolerance = 1e-4;
    private const double LossTolerance = 1e-5;

    [Theory]
    [GoldenInlineData("golden/models/bert", "bert")]
    [GoldenInlineData("golden/models/bert-old-names", "bert-old-names")]
    [GoldenInlineData("golden/models/bert-seqcls", "bert-seqcls")]
    public void Hidden_states_and_pooled_output_equal_the_reference(string name)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var golden = new GoldenFile($"models/{name}/expected.safetensors");
        using var model = EncoderModel.Load(Golden.Locate($"models/{name}/hf"), new EncoderModelOptions());
        var (batch, indices) = Batch(golden);
        var seen = new List<Tensor>();

        var last = model.Encoder.HiddenStates(batch, model.Evaluation, x => seen.Add(TensorScope.Detach(x.Alias())));

        Assert.Equal(model.Config.LayerCount + 1, seen.Count);
        for (var i = 0; i < seen.Count; i++)
        {
            Close.Assert(GoldenBatch.Packed(golden[$"hidden.{i}"], indices), seen[i], Tolerance, $"hidden.{i}");
            seen[i].Dispose();
        }

        long[] first = [.. batch.Layout.RowStarts.SkipLast(1)];
        var firstTokens = last.IndexSelect(0, Tensor.From<long>(first, first.Length));
        Close.Assert(golden["pooler"], model.Encoder.Pool(firstTokens, model.Evaluation), Tolerance, "pooler");
        var asked = model.Encoder.HiddenStates(batch with { OutputRows = [.. first.Select(row => (int)row)] }, model.Evaluation, null);
        // Products of fewer rows sum in another order.
        Close.Assert(firstTokens, asked, 1e-5, "rows asked for");
    }

    [Theory]
    [GoldenInlineData("golden/models/bert-seqcls", false)]
    [GoldenInlineData("golden/models/bert-seqcls", true)]
    public void Scores_loss_and_all_gradients_of_a_classifier_equal_the_reference(bool checkpointing)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var golden = new GoldenFile("models/bert-seqcls/expected.safetensors");
        using var gradients = new GoldenFile("models/bert-seqcls/grads.safetensors");
        using var model = Trainable();
        model.Encoder.UseCheckpointing = checkpointing;
        var context = new ForwardContext(DType.Float32, new DropoutKey(0, 0, 0));

        var config = model.Config with { HiddenDropout = 0, AttentionDropout = 0, ClassifierDropout = 0 };
        using var still = new Encoder(config, hasPooler: true, new SameWeights(model.Encoder));
        still.UseCheckpointing = checkpointing;
        var logits = still.Classify(Batch(golden).Batch, context);
        var scores = logits.Detach().Clone();
        var loss = Functional.CrossEntropySum(logits, golden["labels"], 0) / golden["labels"].ElementCount;
        loss.Backward();

        Close.Assert(golden["logits"], scores, Tolerance, "logits");
        Assert.Equal(golden["loss"].Item(), loss.Item(), LossTolerance);
        Assert.Equal(gradients.Names.Order(), still.NamedParameters().Select(pair => pair.Name).Order());
        foreach (var (name, parameter) in still.NamedParameters())
        {
            Close.Assert(gradients[name], parameter.Value.Grad!, Tolerance, name);
        }
    }

    [GoldenFact("golden/models/bert-seqcls")]
    public void Dropout_repeats_with_its_key_also_under_checkpointing_and_changes_with_the_step()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var golden = new GoldenFile("models/bert-seqcls/expected.safetensors");
        using var model = Trainable();
        var batch = Batch(golden).Batch;

        var first = Run(0, checkpointing: false);

        Close.Assert(first.Gradient, Run(0, checkpointing: true).Gradient, 1e-6, "gradient of the embedding");
        Close.Assert(first.Scores, Run(0, checkpointing: true).Scores, 0, "scores");
        Assert.NotEqual(first.Scores.ToArray<float>(), Run(1, checkpointing: false).Scores.ToArray<float>());

        (Tensor Scores, Tensor Gradient) Run(long step, bool checkpointing)
        {
            model.Encoder.UseCheckpointing = checkpointing;
            var words = model.Encoder.NamedParameters().First().Parameter.Value;
            words.Grad = null;
            var scores = model.Encoder.Classify(batch, new ForwardContext(DType.Float32, new DropoutKey(1, step, 0)));
            (scores * scores).Sum().Backward();
            return (scores.Detach(), words.Grad!.Clone());
        }
    }

    [Fact]
    public void Scores_of_tokens_equal_their_definition_and_so_do_the_gradients()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var model = TinyEncoder.Make(TinyEncoder.Config with { Head = EncoderHead.MaskedLanguage });
        var parameters = model.NamedParameters().ToDictionary(pair => pair.Name, pair => pair.Parameter.Value);
        var hidden = Tensor.From<float>([.. Enumerable.Range(0, 5 * 24).Select(i => MathF.Sin(i))], 5, 24);
        string[] names = ["bert.embeddings.word_embeddings.weight", "cls.predictions.transform.dense.weight", "cls.predictions.bias"];
        foreach (var (_, parameter) in model.NamedParameters())
        {
            parameter.IsTrainable = true;
        }

        var found = Run(model.TokenLogits(hidden, ForwardContext.Evaluate32));
        var inner = Functional.Linear(hidden, parameters[names[1]], parameters["cls.predictions.transform.dense.bias"]).Gelu();
        const string Norm = "cls.predictions.transform.LayerNorm";
        var normed = (Normalised(inner) * parameters[$"{Norm}.weight"]) + parameters[$"{Norm}.bias"];
        var expected = Run(Functional.Linear(normed, parameters[names[0]], parameters[names[2]]));

        for (var i = 0; i < expected.Length; i++)
        {
            // Sums of 24 products of numbers about one in another order, 5 of them in the gradients.
            Close.Assert(expected[i], found[i], 1e-4, i == 0 ? "logits" : names[i - 1]);
        }

        Tensor[] Run(Tensor logits)
        {
            foreach (var name in names)
            {
                parameters[name].Grad = null;
            }

            (logits * logits).Sum().Backward();
            return [logits.Detach(), .. names.Select(name => parameters[name].Grad!.Clone())];
        }

        static Tensor Normalised(Tensor x)
        {
            var centred = x - x.Mean(-1, keepDimension: true);
            return centred * ((centred * centred).Mean(-1, keepDimension: true) + TinyEncoder.Config.LayerNormEpsilon).Rsqrt();
        }
    }

    internal static (TokenBatch Batch, long[] Indices) Batch(GoldenFile golden)
    {
        var (rows, indices) = GoldenBatch.Rows(golden, string.Empty);
        var types = golden["token_type_ids"].ToArray<long>();
        return (TokenBatch.Of(rows) with { TokenTypes = [.. indices.Select(i => types[i])] }, indices);
    }

    private static EncoderModel Trainable()
    {
        var model = EncoderModel.Load(Golden.Locate("models/bert-seqcls/hf"), new EncoderModelOptions { Storage = WeightStorage.Float32 });
        foreach (var (_, parameter) in model.Encoder.NamedParameters())
        {
            parameter.IsTrainable = true;
        }

        return model;
    }

    /// <summary>Copies of the weights of another model, trainable.</summary>
    private sealed class SameWeights(Encoder model) : WeightSource
    {
        private readonly Dictionary<string, Parameter> _parameters =
            model.NamedParameters().ToDictionary(pair => pair.Name, pair => pair.Parameter);

        public override Parameter Parameter(string name, WeightStart start, params ReadOnlySpan<long> shape)
        {
            using var scope = TensorScope.Enter();
            return new Parameter(_parameters[name].Value.Detach().Clone()) { IsTrainable = true };
        }
    }
}
