using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>A language model that learns to answer prompts or to go on with texts.</summary>
internal sealed class LanguageModelSubject : TrainingSubject
{
    private readonly TrainArguments _arguments;
    private readonly SubjectContext _run;
    private readonly LanguageModel _model;
    private readonly TrainingRows _rows;
    private readonly AdapterModel? _adapter;

    private LanguageModelSubject(TrainArguments arguments, TrainingDefaults defaults, SubjectContext run, LanguageModel model)
    {
        (_arguments, _run, _model) = (arguments, run, model);
        _rows = TrainingRows.Read(arguments, defaults, model.RequireTokenizer, run.Progress);
        _rows.Require(model.Config);
        (_adapter, Parameters) = StartTraining();
        Options = arguments.ToOptions(_rows.Train.Count);
        Task = new NextTokenTask(model.Decoder, _rows.Train, Options);
    }

    /// <inheritdoc/>
    public override ITrainingTask Task { get; }

    /// <inheritdoc/>
    public override TrainingOptions Options { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<TrainableParameter> Parameters { get; }

    /// <inheritdoc/>
    public override long ParameterCount => _model.Config.ParameterCount;

    /// <inheritdoc/>
    public override string DataFingerprint => _rows.Fingerprint;

    /// <summary>As <see cref="TrainingSubject.Open"/>, for a decoder.</summary>
    public static new LanguageModelSubject Open(TrainArguments arguments, TrainingDefaults defaults, SubjectContext run)
    {
        var model = LoadModel(arguments, run);
        try
        {
            return new LanguageModelSubject(arguments, defaults, run, model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<KeyValuePair<string, double>> Evaluate(Trainer trainer)
    {
        var loss = KeyValuePair.Create("loss", trainer.Evaluate(NextTokenTask.Measuring(_model.Decoder, _rows.Evaluation)));
        if (_rows.EvaluationExamples.Count == 0)
        {
            return [loss];
        }

        using var classifier = new RelationClassifier(
            _model.Decoder, _model.RequireTokenizer(), _rows.Template!, _rows.Schema!, new ForwardContext(_run.ComputeType, null));
        var report = new Evaluator(_run.Time).Evaluate(classifier, _rows.EvaluationExamples, null, CancellationToken.None).Result.Report;
        return [loss, KeyValuePair.Create("weighted_f1", report.Weighted.F1), KeyValuePair.Create("accuracy", report.Accuracy)];
    }

    /// <inheritdoc/>
    public override void WriteWeights(string folder)
    {
        if (_adapter is not null)
        {
            _adapter.Save(folder);
        }
        else
        {
            ModelWriter.Write(_model.Decoder, folder, _model.Config.StorageType, ModelWriter.DefaultShardBytes);
        }
    }

    /// <inheritdoc/>
    public override void Finish() => TrainingArtifact.Finish(_arguments, _rows, _model, _run.ComputeType);

    /// <inheritdoc/>
    public override void Dispose() => _model.Dispose();

    private static LanguageModel LoadModel(TrainArguments arguments, SubjectContext run)
    {
        var options = new LanguageModelOptions
        {
            ComputeType = run.ComputeType,
            Device = run.Device,
            LoadType = arguments.ModelLoadDtype switch
            {
                "bf16" => DType.BFloat16,
                "fp16" => DType.Float16,
                _ => null,
            },
            Storage = arguments.TrainMode switch
            {
                TrainMode.Full => WeightStorage.Float32,
                TrainMode.Qlora => WeightStorage.Nf4,
                _ => WeightStorage.AsStored,
            },
        };
        if (arguments.TaskType == TaskType.Pretrain && arguments.TrainMode == TrainMode.Full && !LanguageModel.HasWeights(arguments.ModelNameOrPath!))
        {
            run.Progress.Note($"{arguments.ModelNameOrPath} has no weights: pretraining begins from random ones");
            return LanguageModel.Fresh(arguments.ModelNameOrPath!, options, arguments.Seed);
        }

        return LanguageModel.Load(arguments.ModelNameOrPath!, options);
    }

    private (AdapterModel? Adapter, IReadOnlyList<TrainableParameter> Parameters) StartTraining()
    {
        if (_arguments.TrainMode == TrainMode.Full)
        {
            return (null, TrainableParameter.AllOf(_model.Decoder));
        }

        var adapter = _arguments.AdapterNameOrPath is { Length: > 0 } folder
            ? AdapterModel.Load(_model.Decoder, folder, isTrainable: true)
            : AdapterModel.Start(_model.Decoder, AdapterConfig(), _arguments.Seed);
        return (adapter, [.. adapter.Trainable.Select(item => new TrainableParameter(item.Name, item.Parameter, TrainableParameter.DecaysByName(item.Name)))]);
    }

    private LoraConfig AdapterConfig() => new()
    {
        Rank = _arguments.LoraRank,
        Alpha = _arguments.LoraAlpha!.Value,
        Dropout = _arguments.LoraDropout,
        UseRsLora = _arguments.UseRslora,
        TargetModules = _arguments.LoraTargetModules is { Count: > 0 } names ? ModuleSelector.Named(names) : ModuleSelector.AllLinear,
        TaskType = "CAUSAL_LM",
        BaseModel = Path.GetFullPath(_arguments.ModelNameOrPath!),
    };
}
