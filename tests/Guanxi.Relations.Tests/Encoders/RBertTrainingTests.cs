using System.Text.Json.Nodes;
using Guanxi.Relations.Encoders;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Training;
using Guanxi.Transformers.Training.Ranks;
using Xunit;

namespace Guanxi.Relations.Tests.Encoders;

/// <summary>A training of R-BERT from texts to weights against PyTorch's.</summary>
public sealed class RBertTrainingTests
{
    [GoldenFact("golden/relation-models")]
    public void Twenty_steps_are_those_of_the_reference()
    {
        using var leaks = new LeakCheck();
        var described = Golden.Json("relation-models/rbert-train/train.json");
        var rows = described.GetProperty("rows").EnumerateArray().ToArray();
        using var folder = new ModelOfGolden();
        var labels = EncoderConfig.Read(folder.Path).Labels;
        using var model = PairModel.Begin(folder.Path, Methods.RBert, labels, 128, new EncoderModelOptions());
        var pairs = rows.Select(row => CutOff(model.Encode(TestRows.Marked(row.GetProperty("marked").GetString()!)), 64)).ToArray();
        Assert.All(rows.Zip(pairs), item => Assert.Equal(item.First.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()), item.Second.Ids));
        int[] classes = [.. rows.Select(row => labels.Index().Single(item => item.Item == row.GetProperty("label").GetString()).Index)];
        var options = new TrainingOptions
        {
            Epochs = 2, BatchSize = 4, LearningRate = 1e-3, WarmupSteps = 2, WeightDecay = 0.01, MaxGradNorm = 1, Sampling = RowSampling.Sequential,
        };
        var seen = new Steps();
        using var trainer = new Trainer(
            new ClassificationTask(new Encoded(model, pairs), classes, labelSmoothing: 0), model.StartTraining(), options, DType.Float32, seen, TimeProvider.System,
            RankGroup.Alone);

        Assert.True(trainer.Run(CancellationToken.None));

        // The tolerances are the golden's own.
        var expected = described.GetProperty("steps").EnumerateArray().ToArray();
        Assert.Equal(expected.Length, seen.All.Count);
        foreach (var (step, found) in expected.Zip(seen.All))
        {
            Assert.Equal(step.GetProperty("lr").GetDouble(), found.LearningRate, 1e-12);
            Assert.Equal(step.GetProperty("loss").GetDouble(), found.Loss, 1e-4);
            Assert.Equal(1, found.GradNorm / step.GetProperty("grad_norm").GetDouble(), 1e-4);
        }

        AssertWeights(model.Below.Encoder);
    }

    /// <summary>As the published code cuts rows; ours keeps what is near the two people.</summary>
    private static EncodedPair CutOff(EncodedPair pair, int length) => pair with
    {
        Ids = [.. pair.Ids.Take(length)],
        Spans = new SpanPair(Clip(pair.Spans.First, length), Clip(pair.Spans.Second, length)),
    };

    private static (int Start, int End) Clip((int Start, int End) span, int length) => (Math.Min(span.Start, length), Math.Min(span.End, length));

    private static void AssertWeights(Encoder encoder)
    {
        using var final = SafetensorsFile.Open(Golden.Locate("relation-models/rbert-train/final.safetensors"));
        using var scope = TensorScope.Enter();
        Assert.Equal(final.Entries.Keys.Order(), encoder.NamedParameters().Select(item => item.Name).Order());
        foreach (var (name, parameter) in encoder.NamedParameters())
        {
            // A key's bias has a true gradient of 0: Adam makes steps of rounding noise.
            var tolerance = name.EndsWith("key.bias", StringComparison.Ordinal) ? 5e-3 : 2e-4;
            Close.Assert(final.ReadSingles(name), parameter.Value.Detach().ToArray<float>(), tolerance, name);
        }
    }

    /// <summary>The golden's weights with the configuration that the public implementation writes.</summary>
    private sealed class ModelOfGolden : IDisposable
    {
        public ModelOfGolden()
        {
            var encoder = Golden.Locate("relation-models/encoder");
            var config = JsonNode.Parse(File.ReadAllText(System.IO.Path.Combine(encoder, "config.json")))!;
            config["architectures"] = new JsonArray("RBERT");
            File.WriteAllText(System.IO.Path.Combine(Path, "config.json"), config.ToJsonString());
            File.Copy(Golden.Locate("relation-models/rbert/model.safetensors"), System.IO.Path.Combine(Path, "model.safetensors"));
            foreach (var name in new[] { "vocab.txt", "tokenizer_config.json" })
            {
                File.Copy(System.IO.Path.Combine(encoder, name), System.IO.Path.Combine(Path, name));
            }
        }

        public string Path { get; } = Directory.CreateTempSubdirectory("guanxi-rbert-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }

    private sealed class Encoded(PairModel model, EncodedPair[] pairs) : IClassifiedRows
    {
        public int Count => pairs.Length;

        public int LengthOf(int row) => pairs[row].Ids.Length;

        public Tensor Logits(IReadOnlyList<int> rows, ForwardContext context) => model.Logits([.. rows.Select(row => pairs[row])], context);
    }

    private sealed class Steps : ITrainingObserver
    {
        public List<TrainStep> All { get; } = [];

        public void OnStep(TrainStep step) => All.Add(step);

        public void OnSave(Trainer trainer)
        {
        }

        public double OnEvaluate(Trainer trainer, CancellationToken stop) => double.NaN;
    }
}
