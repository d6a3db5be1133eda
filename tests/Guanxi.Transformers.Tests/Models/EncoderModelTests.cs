using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Models;

public sealed class EncoderModelTests
{
    private static readonly string[] s_labels = ["父母", "夫妻", "不知道"];

    [GoldenFact("golden/models/bert-old-names")]
    public void Early_names_give_the_same_weights()
    {
        using var leaks = new LeakCheck();
        using var now = EncoderModel.Load(Golden.Locate("models/bert/hf"), new EncoderModelOptions());
        using var early = EncoderModel.Load(Golden.Locate("models/bert-old-names/hf"), new EncoderModelOptions());

        Assert.Equal(EncoderHead.None, early.Config.Head);
        var names = early.Encoder.NamedParameters().ToDictionary(pair => pair.Name, pair => pair.Parameter.Value);
        Assert.Equal(names.Keys.Order(), now.Encoder.NamedParameters().Select(pair => pair.Name).Order());
        foreach (var (name, parameter) in now.Encoder.NamedParameters())
        {
            Close.Assert(parameter.Value, names[name], 0, name);
        }
    }

    [GoldenFact("golden/models/bert-seqcls")]
    public void A_saved_model_is_the_same_one_in_the_names_of_the_reference()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var golden = new GoldenFile("models/bert-seqcls/expected.safetensors");
        using var folder = new TemporaryFolder();
        using var model = EncoderModel.Load(Golden.Locate("models/bert-seqcls/hf"), new EncoderModelOptions());
        model.Save(folder.FullPath, null);
        using var again = EncoderModel.Load(folder.FullPath, new EncoderModelOptions());
        using var original = CheckpointReader.Open(Golden.Locate("models/bert-seqcls/hf"));
        using var written = CheckpointReader.Open(folder.FullPath);

        Assert.Equal(original.Names.Order(), written.Names.Order());
        Assert.Equal(model.Config with { Labels = [] }, again.Config with { Labels = [] });
        Assert.Equal("同门", again.Config.Labels[13]);
        Assert.Equal(model.Config.Labels, again.Config.Labels);
        var batch = EncoderParityTests.Batch(golden).Batch;
        Close.Assert(
            model.Encoder.Classify(batch, model.Evaluation), again.Encoder.Classify(batch, again.Evaluation), 0, "logits after saving");
    }

    [Theory]
    [InlineData(EncoderHead.None)]
    [InlineData(EncoderHead.Classification)]
    [InlineData(EncoderHead.MaskedLanguage)]
    public void The_parameter_count_is_that_of_the_weights(EncoderHead head)
    {
        using var leaks = new LeakCheck();
        var config = TinyEncoder.Config with { Head = head, Labels = head == EncoderHead.Classification ? s_labels : [] };
        using var model = new Encoder(
            config, hasPooler: head != EncoderHead.MaskedLanguage, new RandomWeights(seed: 3, deviation: 0.3, DType.Float32));

        Assert.Equal(model.NamedParameters().Sum(pair => pair.Parameter.Value.ElementCount), config.ParameterCount);
    }

    [Theory]
    [InlineData(EncoderHead.None, false)]
    [InlineData(EncoderHead.None, true)]
    [InlineData(EncoderHead.MaskedLanguage, false)]
    public void A_new_classifier_is_drawn_over_weights_that_have_none(EncoderHead head, bool hasPooler)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var folder = Folder(TinyEncoder.Config with { Head = head }, hasPooler);
        var options = new EncoderModelOptions { Storage = WeightStorage.Float32, Head = EncoderHead.Classification, Labels = s_labels, Seed = 7 };
        using var model = EncoderModel.Load(folder.FullPath, options);
        using var same = EncoderModel.Load(folder.FullPath, options);
        using var other = EncoderModel.Load(folder.FullPath, options with { Seed = 8 });
        var batch = TokenBatch.Of([[1, 7, 3], [4, 9]]);

        var scores = model.Encoder.Classify(batch, model.Evaluation);

        Assert.Equal([2, 3], scores.Shape.ToArray());
        Assert.Equal(s_labels, model.Config.Labels);
        Close.Assert(scores, same.Encoder.Classify(batch, same.Evaluation), 0, "the same seed");
        Assert.NotEqual(scores.ToArray<float>(), other.Encoder.Classify(batch, other.Evaluation).ToArray<float>());
        using var plain = EncoderModel.Load(folder.FullPath, new EncoderModelOptions());
        Assert.Equal((head, hasPooler), (plain.Config.Head, HasPooler(plain)));
        var below = plain.Encoder.HiddenStates(batch, plain.Evaluation, null);
        Close.Assert(below, model.Encoder.HiddenStates(batch, model.Evaluation, null), 0, "below");
    }

    [Fact]
    public void A_new_head_for_two_entities_begins_as_torch_begins_linear_layers()
    {
        using var leaks = new LeakCheck();
        using var folder = Folder(TinyEncoder.Config, hasPooler: true);
        var options = new EncoderModelOptions { Storage = WeightStorage.Float32, Head = EncoderHead.EntityPair, Labels = s_labels };
        using var model = EncoderModel.Load(folder.FullPath, options);

        foreach (var (path, inputs) in new[]
        {
            ("cls_fc_layer", TinyEncoder.Config.HiddenSize), ("entity_fc_layer", TinyEncoder.Config.HiddenSize), ("label_classifier", 3 * TinyEncoder.Config.HiddenSize),
        })
        {
            var bound = 1 / Math.Sqrt(inputs);
            Assert.InRange(Largest($"{path}.linear.weight"), 0.75 * bound, bound);
            Assert.InRange(Largest($"{path}.linear.bias"), 1e-6, bound);
        }

        double Largest(string name) =>
            model.Encoder.NamedParameters().Single(pair => pair.Name == name).Parameter.Value.ToArray<float>().Max(value => Math.Abs((double)value));
    }

    [Fact]
    public void A_classifier_of_just_these_classes_is_kept_and_one_of_others_replaced()
    {
        using var leaks = new LeakCheck();
        using var folder = Folder(TinyEncoder.Config with { Head = EncoderHead.Classification, Labels = s_labels }, hasPooler: true);
        using var stored = EncoderModel.Load(folder.FullPath, new EncoderModelOptions());
        using var kept = EncoderModel.Load(folder.FullPath, new EncoderModelOptions { Head = EncoderHead.Classification, Labels = s_labels });
        using var replaced = EncoderModel.Load(folder.FullPath, new EncoderModelOptions { Head = EncoderHead.Classification, Labels = ["一", "二", "三", "四"] });

        Close.Assert(Classifier(stored), Classifier(kept), 0, "classifier");
        Assert.Equal(4, Classifier(replaced).Size(0));

        static Tensor Classifier(EncoderModel model) =>
            model.Encoder.NamedParameters().Single(pair => pair.Name == "classifier.weight").Parameter.Value;
    }

    private static bool HasPooler(EncoderModel model) =>
        model.Encoder.NamedParameters().Any(item => item.Name.Contains("pooler.", StringComparison.Ordinal));

    [Fact]
    public void Rows_and_calls_that_the_model_cannot_take_are_refused()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var model = TinyEncoder.Make(TinyEncoder.Config);
        var context = ForwardContext.Evaluate32;
        using var cache = new KeyValueCache(2);

        Assert.Throws<ArgumentException>(() => model.HiddenStates(TokenBatch.Of([[1, 50]]), context, null));
        Assert.Throws<ArgumentException>(() => model.HiddenStates(TokenBatch.Of([new int[21]]), context, null));
        Assert.Throws<ArgumentException>(() => model.HiddenStates(TokenBatch.Of([[1]]) with { TokenTypes = [2] }, context, null));
        Assert.Throws<ArgumentException>(() => model.HiddenStates(TokenBatch.Of([[1]]) with { Cache = cache }, context, null));
        Assert.Throws<ArgumentException>(() => TokenBatch.Of([[1]]) with { TokenTypes = [0, 1] });
        Assert.Contains("classifier", Assert.Throws<InvalidOperationException>(() => model.Classify(TokenBatch.Of([[1]]), context)).Message);
        using var classifier = TinyEncoder.Make(TinyEncoder.Config with { Head = EncoderHead.Classification, Labels = s_labels });
        Assert.Contains("row 1", Assert.Throws<ArgumentException>(() => classifier.Classify(TokenBatch.Of([[1], []]), context)).Message);
    }

    [Fact]
    public void A_checkpoint_that_does_not_fit_is_told_in_full_and_leaves_nothing_open()
    {
        using var leaks = new LeakCheck();
        using var folder = Folder(TinyEncoder.Config, hasPooler: true);
        (TinyEncoder.Config with { LayerCount = 3, VocabularySize = 51 }).Write(folder.FullPath);

        var error = Assert.Throws<CheckpointException>(() => EncoderModel.Load(folder.FullPath, new EncoderModelOptions()));

        // The words of another number, and the sixteen tensors of a third layer.
        Assert.Equal(17, error.Problems.Count);
        Assert.True(EncoderModel.IsEncoder(folder.FullPath));
        Assert.False(EncoderModel.IsEncoder(folder["absent"]));
    }

    [Fact]
    public void A_head_for_guessing_tokens_is_drawn_where_a_folder_has_none_and_kept_where_it_has_one()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var options = new EncoderModelOptions { Head = EncoderHead.MaskedLanguage, Seed = 5, Storage = WeightStorage.Float32 };
        using var bare = Folder(TinyEncoder.Config with { Head = EncoderHead.None }, hasPooler: true);
        using var drawn = EncoderModel.Load(bare.FullPath, options);
        using var again = EncoderModel.Load(bare.FullPath, options);
        Assert.Equal((EncoderHead.MaskedLanguage, "BertForMaskedLM"), (drawn.Config.Head, drawn.Config.Architecture));
        using var whole = new TemporaryFolder();
        drawn.Save(whole.FullPath, null);
        using var kept = EncoderModel.Load(whole.FullPath, options with { Seed = 6 });
        using var fresh = EncoderModel.Fresh(whole.FullPath, options);

        foreach (var ((name, parameter), other) in drawn.Encoder.NamedParameters().Zip(again.Encoder.NamedParameters()))
        {
            Close.Assert(parameter.Value, other.Parameter.Value, 0, name);
        }

        var head = drawn.Encoder.NamedParameters().Single(item => item.Name == "cls.predictions.transform.dense.weight").Parameter.Value;
        Close.Assert(head, kept.Encoder.NamedParameters().Single(item => item.Name == "cls.predictions.transform.dense.weight").Parameter.Value, 0, "kept");
        Assert.False(HasPooler(fresh));
        Assert.Equal(EncoderHead.MaskedLanguage, fresh.Config.Head);
    }

    private static TemporaryFolder Folder(EncoderConfig config, bool hasPooler)
    {
        var folder = new TemporaryFolder();
        using var model = new Encoder(config, hasPooler, new RandomWeights(seed: 3, deviation: 0.3, DType.Float32));
        ModelWriter.WriteWeights(model, folder.FullPath, null, ModelWriter.DefaultShardBytes);
        config.Write(folder.FullPath);
        return folder;
    }
}
