using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Training;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>A run as a golden training case describes it.</summary>
internal sealed class TrainingRun : ITrainingObserver, IDisposable
{
    private readonly LanguageModel _model;

    private TrainingRun(LanguageModel model, ITrainingTask task, IReadOnlyList<TrainableParameter> parameters, TrainingOptions options, DType computeType)
    {
        _model = model;
        Trainer = new Trainer(task, parameters, options, computeType, this, TimeProvider.System, RankGroup.Alone);
    }

    public Trainer Trainer { get; }

    public List<TrainStep> Steps { get; } = [];

    public Action<Trainer>? Saving { get; set; }

    public Action<TrainStep>? Stepping { get; set; }

    /// <summary>Starts the run of a golden case; changes of its options come last.</summary>
    public static TrainingRun Start(JsonElement golden, double dropout = 0, Func<TrainingOptions, TrainingOptions>? change = null, double plusRatio = 1,
        Func<ITrainingTask, ITrainingTask>? wrap = null)
    {
        var arguments = golden.GetProperty("arguments");
        var mode = arguments.GetProperty("mode").GetString();
        var storage = mode switch
        {
            "full" => WeightStorage.Float32,
            "qlora" => WeightStorage.Nf4,
            _ => WeightStorage.AsStored,
        };
        var computeType = arguments.TryGetProperty("bf16", out var bf16) && bf16.GetBoolean() ? DType.BFloat16 : DType.Float32;
        var model = LanguageModel.Load(Golden.Locate("training/base"), new LanguageModelOptions { Storage = storage, ComputeType = computeType });
        var rows = Golden.Json("training/" + Path.GetFileName(golden.GetProperty("rows").GetString())).EnumerateArray()
            .Select(row => new TokenSequence(Ids(row, "input_ids"), Ids(row, "labels"))).ToArray();
        var trainable = mode == "full" ? TrainableParameter.AllOf(model.Decoder) : Adapters(model, golden.GetProperty("lora"), dropout, plusRatio);
        var options = Options(arguments);
        options = change is null ? options : change(options);
        ITrainingTask task = new NextTokenTask(model.Decoder, rows, options);
        return new TrainingRun(model, wrap is null ? task : wrap(task), trainable, options, computeType);
    }

    private static TrainableParameter[] Adapters(LanguageModel model, JsonElement lora, double dropout, double plusRatio)
    {
        var config = new LoraConfig
        {
            Rank = lora.GetProperty("r").GetInt32(),
            Alpha = lora.GetProperty("lora_alpha").GetDouble(),
            Dropout = dropout,
            TargetModules = ModuleSelector.Of(null),
        };
        var adapter = AdapterModel.Start(model.Decoder, config, seed: 1);
        using var initial = new GoldenFile("training/lora_initial.safetensors");
        using var scope = TensorScope.Enter();
        foreach (var (name, parameter) in adapter.Trainable)
        {
            parameter.Value = initial[name];
        }

        return [.. TrainableParameter.OfAdapter(adapter, plusRatio)];
    }

    public void OnStep(TrainStep step)
    {
        Steps.Add(step);
        Stepping?.Invoke(step);
    }

    public void OnSave(Trainer trainer) => Saving?.Invoke(trainer);

    public Func<Trainer, double> Evaluating { get; set; } = _ => double.NaN;

    public double OnEvaluate(Trainer trainer, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        return Evaluating(trainer);
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
        LossMean = arguments.TryGetProperty("old_loss", out var old) && old.GetBoolean() ? LossMean.OfMicroBatches : LossMean.OfTargets,
        Seed = arguments.GetProperty("seed").GetInt32(),
        GradientCheckpointing = arguments.TryGetProperty("checkpointing", out var checkpointing) && checkpointing.GetBoolean(),
    };
}
