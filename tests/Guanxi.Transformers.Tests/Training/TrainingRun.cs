using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Training;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>A run as a golden training case describes it.</summary>
internal sealed class TrainingRun : ITrainingObserver, IDisposable
{
    private readonly Decoder _model;

    private TrainingRun(Decoder model, IReadOnlyList<TrainableParameter> parameters, IReadOnlyList<TokenSequence> rows, TrainingOptions options)
    {
        _model = model;
        Trainer = new Trainer(model, parameters, rows, options, DType.Float32, this, TimeProvider.System);
    }

    public Trainer Trainer { get; }

    public List<TrainStep> Steps { get; } = [];

    public static TrainingRun Start(JsonElement golden)
    {
        var arguments = golden.GetProperty("arguments");
        var folder = Golden.Locate("training/base");
        using var reader = CheckpointReader.Open(folder);
        var weights = new CheckpointWeights(reader, new WeightLoading { StorageType = DType.Float32 });
        var model = new Decoder(DecoderConfig.Read(folder), weights);
        weights.Finish(_ => false);
        var rows = Golden.Json("training/" + Path.GetFileName(golden.GetProperty("rows").GetString())).EnumerateArray()
            .Select(row => new TokenSequence(Ids(row, "input_ids"), Ids(row, "labels"))).ToArray();
        return new TrainingRun(model, TrainableParameter.AllOf(model), rows, Options(arguments));
    }

    public void OnStep(TrainStep step) => Steps.Add(step);

    public void OnSave(Trainer trainer)
    {
    }

    public void OnEvaluate(Trainer trainer)
    {
    }

    public void Dispose()
    {
        Trainer.Dispose();
        _model.Dispose();
    }

    private static int[] Ids(JsonElement row, string key) => [.. row.GetProperty(key).EnumerateArray().Select(id => id.GetInt32())];

    private static TrainingOptions Options(JsonElement arguments) => new()
    {
        BatchSize = arguments.GetProperty("per_device_train_batch_size").GetInt32(),
        Accumulation = arguments.GetProperty("gradient_accumulation_steps").GetInt32(),
        Epochs = arguments.GetProperty("num_train_epochs").GetDouble(),
        LearningRate = arguments.GetProperty("lr").GetDouble(),
        Scheduler = LearningRateSchedule.ParseKind(arguments.GetProperty("lr_scheduler_type").GetString()!),
        WarmupSteps = arguments.GetProperty("warmup_steps").GetInt32(),
        WeightDecay = arguments.TryGetProperty("weight_decay", out var decay) ? decay.GetDouble() : 0,
        MaxGradNorm = arguments.GetProperty("max_grad_norm").GetDouble(),
        Seed = arguments.GetProperty("seed").GetInt32(),
    };
}
