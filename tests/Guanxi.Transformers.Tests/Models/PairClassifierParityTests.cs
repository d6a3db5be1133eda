using System.Text.Json;
using System.Text.Json.Nodes;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Tests.Checkpoints;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Models;

/// <summary>R-BERT, the classification of [CLS] and the BiGRU with attention against PyTorch's forward and backward.</summary>
public sealed class PairClassifierParityTests
{
    private const string Goldens = "golden/relation-models";

    // The golden's own: float32 of another order of summation.
    private const double Forward = 2e-5;
    private const double Gradient = 2e-5;

    [Theory]
    [GoldenInlineData(Goldens, "markers")]
    [GoldenInlineData(Goldens, "inside")]
    [GoldenInlineData(Goldens, "cls-hidden")]
    [GoldenInlineData(Goldens, "cut-markers")]
    [GoldenInlineData(Goldens, "cut-inside")]
    public void Scores_loss_and_gradients_of_r_bert_equal_the_reference(string name)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var golden = new GoldenFile($"relation-models/rbert/{name}.safetensors");
        var described = Golden.Json($"relation-models/rbert/{name}.json");
        using var folder = RBertFolder();
        using var model = EncoderModel.Load(folder.FullPath, new EncoderModelOptions { Storage = WeightStorage.Float32 });
        var parameters = TrainableParameter.AllOf(model.Encoder);
        var rows = described.GetProperty("rows").EnumerateArray().ToArray();
        var usesPooler = described.GetProperty("cls").GetString() == "pooled";

        var logits = model.Encoder.ClassifyPair(Batch(rows), Spans(rows, described.GetProperty("entity_span").GetString()!), usesPooler, Training);

        Assert.Equal((EncoderHead.EntityPair, "RBERT"), (model.Config.Head, model.Config.Architecture));
        Close.Assert(golden["logits"], logits, Forward, "logits");
        Close.Assert(golden["probabilities"], logits.Softmax(1), Forward, "probabilities");
        AssertLearning(golden, logits, parameters);
    }

    [GoldenFact(Goldens)]
    public void The_classification_of_cls_equals_the_reference_and_is_written_in_its_names()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var golden = new GoldenFile("relation-models/bert-cls/case.safetensors");
        using var folder = Folder("BertForSequenceClassification", "relation-models/bert-cls/model.safetensors");
        using var model = EncoderModel.Load(folder.FullPath, new EncoderModelOptions { Storage = WeightStorage.Float32 });
        var parameters = TrainableParameter.AllOf(model.Encoder);

        var logits = model.Encoder.Classify(TokenBatch.Of(Real(golden)), Training);

        Close.Assert(golden["logits"], logits, Forward, "logits");
        AssertLearning(golden, logits, parameters);
        using var written = new TemporaryFolder();
        model.Save(written.FullPath, null);
        using var reader = CheckpointReader.Open(written.FullPath);
        using var original = CheckpointReader.Open(folder.FullPath);
        Assert.Equal(original.Names.Order(), reader.Names.Order());
        Assert.Equal(model.Config.Labels, EncoderConfig.Read(written.FullPath).Labels);
    }

    [Theory]
    [GoldenInlineData(Goldens, "masked")]
    [GoldenInlineData(Goldens, "unmasked")]
    public void Scores_loss_and_gradients_of_the_bigru_equal_the_reference(string name)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var golden = new GoldenFile($"relation-models/bigru-att/{name}.safetensors");
        using var model = BiGruAttention.Load(Golden.Locate("relation-models/bigru-att/model.safetensors"));
        var parameters = TrainableParameter.AllOf(model);
        var (batch, length) = ((int)golden["features"].Size(0), (int)golden["features"].Size(1));

        // What the original pads to one length is given as rows of that length, padding and all.
        int[] lengths = name == "unmasked" ? [.. Enumerable.Repeat(length, batch)] : [.. Real(golden).Select(row => row.Length)];
        long[] places = [.. lengths.SelectMany((count, row) => Enumerable.Range(0, count).Select(step => (long)(row * length) + step))];
        var features = golden["features"].View(batch * length, -1).IndexSelect(0, Tensor.From<long>(places, places.Length));

        var logits = model.Classify(features, SequenceLayout.Rows(lengths, 0), dropout: null);

        Close.Assert(golden["logits"], logits, Forward, "logits");
        AssertLearning(golden, logits, parameters);
    }

    [GoldenFact(Goldens)]
    public void Features_are_the_second_to_last_layer()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var golden = new GoldenFile("relation-models/bigru-att/masked.safetensors");
        using var model = EncoderModel.Load(Golden.Locate("relation-models/encoder"), new EncoderModelOptions());
        var rows = Real(golden);
        var start = 0;

        var found = model.Encoder.InnerStates(TokenBatch.Of(rows), model.Config.LayerCount - 1, model.Evaluation);

        for (var row = 0; row < rows.Length; row++)
        {
            Close.Assert(golden["features"].Select(0, row).Narrow(0, 0, rows[row].Length), found.Narrow(0, start, rows[row].Length), Forward, $"row {row}");
            start += rows[row].Length;
        }

        Assert.Throws<ArgumentException>(() => model.Encoder.InnerStates(TokenBatch.Of(rows), 4, model.Evaluation));
    }

    [Fact]
    public void A_row_of_a_bigru_does_not_depend_on_the_rows_beside_it_and_a_saved_one_is_the_same()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var folder = new TemporaryFolder();
        using var model = BiGruAttention.Fresh(new BiGruShape(6, 3) { HiddenSize = 5, AttentionSize = 4 }, seed: 2);
        model.Save(folder.FullPath);
        using var again = BiGruAttention.Load(folder[BiGruAttention.FileName]);
        var features = Tensor.From<float>([.. Enumerable.Range(0, 54).Select(i => MathF.Sin(i))], 9, 6);

        var together = model.Classify(features, SequenceLayout.Rows([2, 4, 3], 0), null);

        Close.Assert(together.Narrow(0, 1, 1), model.Classify(features.Narrow(0, 2, 4), SequenceLayout.Rows([4], 0), null), 1e-6, "alone");
        Close.Assert(together, again.Classify(features, SequenceLayout.Rows([2, 4, 3], 0), null), 0, "saved");
        Assert.Throws<CheckpointException>(() => BiGruAttention.Load(Path.Combine(folder.FullPath, "missing.safetensors")));
    }

    [Fact]
    public void A_new_head_for_two_spans_is_drawn_and_wrong_spans_are_refused()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var folder = new TemporaryFolder();
        string[] labels = ["父母", "夫妻", "不知道"];
        using (var bare = TinyEncoder.Make(TinyEncoder.Config))
        {
            ModelWriter.WriteWeights(bare, folder.FullPath, null, ModelWriter.DefaultShardBytes);
            TinyEncoder.Config.Write(folder.FullPath);
        }

        var options = new EncoderModelOptions { Storage = WeightStorage.Float32, Head = EncoderHead.EntityPair, Labels = labels };
        using var model = EncoderModel.Load(folder.FullPath, options);
        var batch = TokenBatch.Of([[1, 2, 3], [4, 5]]);
        SpanPair good = new((1, 2), (0, 0));

        Assert.Equal([2, 3], model.Encoder.ClassifyPair(batch, [good, good], true, model.Evaluation).Shape.ToArray());
        Assert.Equal(model.Encoder.NamedParameters().Sum(item => item.Parameter.Value.ElementCount), model.Config.ParameterCount);
        Assert.Throws<ArgumentException>(() => model.Encoder.ClassifyPair(batch, [good], true, model.Evaluation));
        Assert.Contains("row 1", Assert.Throws<ArgumentException>(() => model.Encoder.ClassifyPair(batch, [good, new((0, 3), (0, 1))], true, model.Evaluation)).Message);
    }

    private static ForwardContext Training { get; } = new(DType.Float32, new DropoutKey(0, 0, 0));

    private static void AssertLearning(GoldenFile golden, Tensor logits, IReadOnlyList<TrainableParameter> parameters)
    {
        var loss = Functional.CrossEntropySum(logits, golden["labels"], 0) / golden["labels"].ElementCount;
        loss.Backward();
        Assert.Equal(golden["loss"].Item(), loss.Item(), 1e-5);
        var compared = 0;
        foreach (var item in parameters.Where(item => golden.Names.Contains($"grad.{item.Name}")))
        {
            Close.Assert(golden[$"grad.{item.Name}"], item.Parameter.Value.Grad!, Gradient, item.Name);
            compared++;
        }

        Assert.Equal(golden.Names.Count(name => name.StartsWith("grad.", StringComparison.Ordinal)), compared);
    }

    /// <summary>Rows without their padding.</summary>
    private static int[][] Real(GoldenFile golden)
    {
        var (ids, mask) = (golden["input_ids"].ToArray<long>(), golden["attention_mask"].ToArray<long>());
        var width = (int)golden["input_ids"].Size(1);
        return [.. ids.Zip(mask).Chunk(width).Select(row => row.Where(item => item.Second == 1).Select(item => (int)item.First).ToArray())];
    }

    private static TokenBatch Batch(JsonElement[] rows) => TokenBatch.Of([.. rows.Select(Ids)]);

    private static int[] Ids(JsonElement row) => [.. row.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];

    private static SpanPair[] Spans(JsonElement[] rows, string kind) => [.. rows.Select(row => new SpanPair(Span(row, "e1", kind), Span(row, "e2", kind)))];

    private static (int Start, int End) Span(JsonElement row, string entity, string kind)
    {
        var span = row.GetProperty("token_spans").GetProperty(entity).GetProperty(kind);
        return (span[0].GetInt32(), span[1].GetInt32());
    }

    private static TemporaryFolder RBertFolder() => Folder("RBERT", "relation-models/rbert/model.safetensors");

    private static TemporaryFolder Folder(string architecture, string weights)
    {
        var folder = new TemporaryFolder();
        var encoder = Golden.Locate("relation-models/encoder");
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(encoder, "config.json")))!;
        config["architectures"] = new JsonArray(architecture);
        folder.Add("config.json", config.ToJsonString());
        File.Copy(Golden.Locate(weights), folder["model.safetensors"]);
        foreach (var name in new[] { "vocab.txt", "tokenizer_config.json" })
        {
            File.Copy(Path.Combine(encoder, name), folder[name]);
        }

        return folder;
    }
}
