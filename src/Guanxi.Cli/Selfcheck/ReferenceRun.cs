using System.Globalization;
using System.Text.Json;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Training;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Cli.Selfcheck;

/// <summary>
/// A LoRA run of a tiny model that the Hugging Face Trainer made (the golden case <c>training/lora_linear</c>, whose files lie beside the
/// program), made again step by step.
/// </summary>
internal sealed class ReferenceRun : ITrainingObserver
{
    private const string CaseFile = "lora_linear.json";
    private const string StartFile = "lora_initial.safetensors";
    private const string RowsFile = "rows.json";
    private const string BaseFolder = "base";

    private readonly List<TrainStep> _steps = [];

    /// <summary>The folder of the case's files.</summary>
    public static string Folder => Path.Combine(AppContext.BaseDirectory, "selfcheck");

    /// <summary>Trains and compares.</summary>
    /// <returns>What was compared, in a sentence.</returns>
    /// <exception cref="TorchException">A step has another loss or gradient than the reference.</exception>
    public static string Check()
    {
        var golden = ReadJson(CaseFile);
        var run = new ReferenceRun();
        run.Train(golden.GetProperty("arguments"), golden.GetProperty("lora"));
        return run.Compare(golden);
    }

    public void OnStep(TrainStep step) => _steps.Add(step);

    public void OnSave(Trainer trainer)
    {
        // Nothing of this run is kept.
    }

    public double OnEvaluate(Trainer trainer, CancellationToken stop) => double.NaN;

    private static JsonElement ReadJson(string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, name)));
        return document.RootElement.Clone();
    }

    private static TrainingOptions Options(JsonElement arguments) => new()
    {
        BatchSize = arguments.GetProperty("per_device_train_batch_size").GetInt32(),
        Accumulation = arguments.GetProperty("gradient_accumulation_steps").GetInt32(),
        Epochs = arguments.GetProperty("num_train_epochs").GetDouble(),
        LearningRate = arguments.GetProperty("lr").GetDouble(),
        MaxGradNorm = arguments.GetProperty("max_grad_norm").GetDouble(),
        Seed = arguments.GetProperty("seed").GetInt32(),
    };

    private static AdapterModel Adapters(LanguageModel model, JsonElement lora)
    {
        var adapters = AdapterModel.Start(
            model.Decoder,
            new LoraConfig
            {
                Rank = lora.GetProperty("r").GetInt32(),
                Alpha = lora.GetProperty("lora_alpha").GetDouble(),
                Dropout = lora.GetProperty("lora_dropout").GetDouble(),
                TargetModules = ModuleSelector.AllLinear,
            },
            seed: 1);
        using var start = SafetensorsFile.Open(Path.Combine(Folder, StartFile));
        using var scope = TensorScope.Enter();
        foreach (var (name, parameter) in adapters.Trainable)
        {
            parameter.Value = start.ToTensor(start.Entries[name]).Clone();
        }

        return adapters;
    }

    private static int[] Ids(JsonElement row, string key) => [.. row.GetProperty(key).EnumerateArray().Select(id => id.GetInt32())];

    private void Train(JsonElement arguments, JsonElement lora)
    {
        using var model = LanguageModel.Load(
            Path.Combine(Folder, BaseFolder), new LanguageModelOptions { Storage = WeightStorage.AsStored, ComputeType = DType.Float32 });
        var rows = ReadJson(RowsFile).EnumerateArray().Select(row => new TokenSequence(Ids(row, "input_ids"), Ids(row, "labels"))).ToArray();
        var options = Options(arguments);
        var task = new NextTokenTask(model.Decoder, rows, options);
        var parameters = TrainableParameter.OfAdapter(Adapters(model, lora), plusRatio: 1);
        using var trainer = new Trainer(task, parameters, options, DType.Float32, this, TimeProvider.System, RankGroup.Alone);
        trainer.Run(CancellationToken.None);
    }

    private string Compare(JsonElement golden)
    {
        var expected = golden.GetProperty("steps").EnumerateArray().ToArray();
        var tolerance = golden.GetProperty("tolerance");
        var most = tolerance.GetProperty("loss").GetDouble();
        var mostOfNorm = tolerance.GetProperty("grad_norm_relative").GetDouble();
        var largest = 0.0;
        if (expected.Length != _steps.Count)
        {
            throw new TorchException($"the reference run has {expected.Length} steps, this one {_steps.Count}");
        }

        foreach (var (reference, step) in expected.Zip(_steps))
        {
            var (loss, norm) = (reference.GetProperty("loss_token_normalised").GetDouble(), reference.GetProperty("grad_norm_before_clipping").GetDouble());
            largest = Math.Max(largest, Math.Abs(loss - step.Loss));
            if (!(Math.Abs(loss - step.Loss) <= most && Math.Abs(norm - step.GradNorm) <= norm * mostOfNorm))
            {
                throw new TorchException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"step {step.Step} of the reference run: expected loss {loss:R} and gradient norm {norm:R}, found {step.Loss:R} and {step.GradNorm:R}"));
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{_steps.Count} steps of LoRA as transformers and PEFT make them, losses within {largest:0.0e+0}");
    }
}
