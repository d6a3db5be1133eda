using System.Text.Json.Nodes;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Models;

public sealed class EncoderConfigTests
{
    private const string Bert = """
        {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "vocab_size": 1000, "hidden_size": 64,
        "intermediate_size": 176, "num_hidden_layers": 3, "num_attention_heads": 4}
        """;

    [GoldenFact("golden/models/bert-seqcls")]
    public void A_file_with_classes_is_read()
    {
        var config = EncoderConfig.Read(Golden.Locate("models/bert-seqcls/hf"));

        Assert.Equal((1000, 64, 176, 3, 4, 16), (
            config.VocabularySize, config.HiddenSize, config.IntermediateSize, config.LayerCount, config.HeadCount, config.HeadDim));
        Assert.Equal((64, 2, 1e-12, 0), (config.MaxPositions, config.TokenTypeCount, config.LayerNormEpsilon, config.PadId));
        Assert.Equal((EncoderHead.Classification, DType.Float32), (config.Head, config.StorageType));
        Assert.Equal((14, "不知道", "同门"), (config.Labels.Count, config.Labels[0], config.Labels[13]));
    }

    [Fact]
    public void Keys_left_out_take_the_defaults_of_transformers()
    {
        var config = Parse("{}");

        Assert.Equal((512, 2, 1e-12, 0, 0.02), (
            config.MaxPositions, config.TokenTypeCount, config.LayerNormEpsilon, config.PadId, config.InitializerRange));
        Assert.Equal((0.1, 0.1, 0.1), (config.HiddenDropout, config.AttentionDropout, config.ClassifierDropout));
        Assert.Equal(["LABEL_0", "LABEL_1"], config.Labels);
        Assert.Equal(0.3, Parse("""{"hidden_dropout_prob": 0.3, "classifier_dropout": null}""").ClassifierDropout);
        Assert.Equal(["LABEL_0"], Parse("""{"num_labels": 1}""").Labels);
        Assert.Equal(EncoderHead.None, Parse("""{"architectures": null}""").Head);
        Assert.Equal(EncoderHead.MaskedLanguage, Parse("""{"architectures": ["BertForPreTraining"]}""").Head);
    }

    [Fact]
    public void Everything_that_is_not_supported_is_named_at_once()
    {
        var error = Refuse("""
            {"hidden_act": "gelu_new", "position_embedding_type": "relative_key", "is_decoder": true, "add_cross_attention": true,
            "problem_type": "regression", "tie_word_embeddings": false, "quantization_config": {"quant_method": "gptq"},
            "num_attention_heads": 5, "vocab_size": 0, "id2label": {"1": "x"}, "torch_dtype": "int8"}
            """);

        string[] keys =
        [
            "hidden_act", "position_embedding_type", "is_decoder", "add_cross_attention", "problem_type", "tie_word_embeddings",
            "quant_method", "num_attention_heads", "vocab_size", "id2label", "torch_dtype",
        ];
        Assert.All(keys, key => Assert.Single(error.Problems, problem => problem.Where.EndsWith(", " + key, StringComparison.Ordinal)));
        Assert.Equal(keys.Length, error.Problems.Count);
    }

    [Theory]
    [InlineData("""{"model_type": "roberta", "architectures": ["RobertaModel"]}""")]
    [InlineData("""{"model_type": "llama"}""")]
    [InlineData("""{"architectures": ["BertForTokenClassification"]}""")]
    public void Another_encoder_is_refused_with_the_supported_ones(string keys)
    {
        var problem = Assert.Single(Refuse(keys).Problems);
        Assert.Contains("bert with BertModel, BertForSequenceClassification", problem.Expected, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"id2label": {"0": "一", "1": "一"}}""")]
    [InlineData("""{"id2label": {"0": "一", "x": "二"}}""")]
    [InlineData("""{"id2label": {"0": 1}}""")]
    [InlineData("""{"id2label": ["一"]}""")]
    [InlineData("""{"id2label": {}}""")]
    public void Names_that_are_no_list_of_classes_are_refused(string keys) =>
        Assert.EndsWith("id2label", Assert.Single(Refuse(keys).Problems).Where, StringComparison.Ordinal);

    [GoldenTheory("golden/models/bert")]
    [InlineData("bert")]
    [InlineData("bert-old-names")]
    [InlineData("bert-seqcls")]
    public void What_is_written_is_read_back_the_same(string name)
    {
        using var folder = new TemporaryFolder();
        var config = EncoderConfig.Read(Golden.Locate($"models/{name}/hf"));
        config.Write(folder.FullPath);
        var again = EncoderConfig.Read(folder.FullPath);

        Assert.Equal(config.Labels, again.Labels);
        Assert.Equal(config with { Labels = again.Labels }, again);
    }

    private static CheckpointException Refuse(string keys) => Assert.Throws<CheckpointException>(() => Parse(keys));

    private static EncoderConfig Parse(string keys)
    {
        var merged = JsonNode.Parse(Bert)!.AsObject();
        foreach (var item in JsonNode.Parse(keys)!.AsObject())
        {
            merged[item.Key] = item.Value?.DeepClone();
        }

        using var folder = new TemporaryFolder();
        folder.Add("config.json", merged.ToJsonString());
        return EncoderConfig.Read(folder.FullPath);
    }
}
