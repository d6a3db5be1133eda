using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Training;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>A run as a golden training case describes it.</summary>
internal sealed class TrainingRun : ITrainingObserver, IDisposable
{
    private readonly LanguageModel _model;

    private TrainingRun(LanguageModel model, IReadOnlyList<TrainableParameter> parameters, IReadOnlyList<TokenSequence> rows, TrainingOptions options)
    {
        _model = model;
        Trainer = new Trainer(new NextTokenTask(model.Decoder, rows, options), parameters, options, DType.Float32, this, TimeProvider.System);
    }

    public Trainer Trainer { get; }

    public List<TrainStep> Steps { get; } = [];

    public Action<Trainer>? Saving { get; set; }

    public Action<TrainStep>? Stepping { get; set; }

    /// <summary>Starts the run of a golden case; changes of its options come last.</summary>
    public static TrainingRun Start(JsonElement golden, double dropout = 0, Func<TrainingOptions, TrainingOptions>? change = null)
    {
        var arguments = golden.GetProperty("arguments");
        var mode = arguments.GetProperty("mode").GetString();
        var storage = mode switch
        {
            "full" => WeightStorage.Float32,
            "qlora" => WeightStorage.Nf4,
            _ => WeightStorage.AsStored,
        };
        var model = LanguageModel.Load(Golden.Locate("training/base"), new LanguageModelOptions { Storage = storage });
        var rows = Golden.Json("training/" + Path.GetFileName(golden.GetProperty("rows").GetString())).EnumerateArray()
            .Select(row => new TokenSequence(Ids(row, "input_ids"), Ids(row, "labels"))).ToArray();
        var trainable = mode == "full" ? TrainableParameter.AllOf(model.Decoder) : Adapters(model, golden.GetProperty("lora"), dropout);
        var options = Options(arguments);
        return new TrainingRun(model, trainable, rows, change is null ? options : change(options));
    }

    private static TrainableParameter[] Adapters(LanguageModel model, JsonElement lora, double dropout)
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

        return [.. adapter.Trainable.Select(item => new TrainableParameter(item.Name, item.Parameter, Decays: true))];
    }

    public void OnStep(TrainStep step)
    {
        Steps.Add(step);
        Stepping?.Invoke(step);
    }

    public void OnSave(Trainer trainer) => Saving?.Invoke(trainer);

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
        GradientCheckpointing = arguments.TryGetProperty("checkpointing", out var checkpointing) && checkpointing.GetBoolean(),
    };
}
