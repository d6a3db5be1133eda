using Guanxi.Relations.Artifacts;
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

    private LanguageModelSubject(TrainArguments arguments, SubjectContext run, TrainingRows rows, LanguageModel model)
    {
        (_arguments, _run, _rows, _model) = (arguments, run, rows, model);
        (_adapter, Parameters) = StartTraining();
        Options = arguments.ToOptions(rows.Train.Count, rows.HasLabels);
        Task = new NextTokenTask(model.Decoder, rows.Train, Options);
    }

    /// <inheritdoc/>
    public override ITrainingTask Task { get; }

    /// <inheritdoc/>
    public override TrainingOptions Options { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<TrainableParameter> Parameters { get; }

    /// <inheritdoc/>
    public override bool HasLabels => _rows.HasLabels;

    /// <inheritdoc/>
    public override long ParameterCount => _model.Config.ParameterCount;

    /// <inheritdoc/>
    public override string DataFingerprint => _rows.Fingerprint;

    /// <summary>As <see cref="TrainingSubject.Open"/>, for a decoder.</summary>
    public static new LanguageModelSubject Open(TrainArguments arguments, TrainingDefaults defaults, SubjectContext run)
    {
        // The rows come first: what is wrong with them is told before a large model is loaded.
        var folder = ModelFolder.Find(arguments.ModelNameOrPath!, null);
        var rows = TrainingRows.Read(arguments, defaults, folder.LoadTokenizer, run.Progress.Note);
        var config = DecoderConfig.Read(folder.Base);
        rows.Require(config);
        var available = run.Device.IsCpu ? AvailableMemory.Bytes() / arguments.LocalWorldSize : null;
        arguments = arguments with { GradientCheckpointing = MemoryCheck.Recomputes(config, arguments, rows.Train, run.ComputeType, available, run.Progress.Note) };
        MemoryCheck.Require(config, arguments, rows.Train, run.ComputeType, available);
        var model = LoadModel(arguments, run);
        try
        {
            return new LanguageModelSubject(arguments, run, rows, model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<KeyValuePair<string, double>> Evaluate(Trainer trainer, CancellationToken stop) =>
        [.. _rows.Sets.SelectMany(set => Measure(set, trainer, stop))];

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
    public override void Finish(IReadOnlyDictionary<string, double> metrics) => TrainingArtifact.Finish(_arguments, _model.BaseFolder, _model.Tokenizer, new ArtifactInfo
    {
        Method = _arguments.Method,
        Labels = _rows.Schema?.Labels ?? [],
        Aliases = _rows.Schema?.Aliases ?? new Dictionary<string, IReadOnlyList<string>>(),
        PromptTemplate = _rows.Template?.Template,
        ChatFormat = _model.Tokenizer is null ? null : InstructionEncoder.Format,
        StopTokens = _model.Tokenizer is { EosId: { } stop } tokenizer ? [tokenizer.IdToToken(stop)] : [],
        Decoding = "constrained",
        ModelLoadDtype = _arguments.TrainMode == TrainMode.Qlora ? _arguments.ModelLoadDtype ?? "as_stored" : null,
        Metrics = metrics,
    }, _run.ComputeType);

    /// <inheritdoc/>
    public override void Dispose() => _model.Dispose();

    private IEnumerable<KeyValuePair<string, double>> Measure(EvaluationSet set, Trainer trainer, CancellationToken stop)
    {
        yield return KeyValuePair.Create(set.Prefix + RunMetrics.Loss, trainer.Evaluate(NextTokenTask.Measuring(_model.Decoder, set.Rows), stop));
        if (set.Examples.Count == 0)
        {
            yield break;
        }

        using var classifier = new RelationClassifier(
            _model.Decoder, _model.RequireTokenizer(), _rows.Template!, _rows.Schema!, new ForwardContext(_run.ComputeType, null));
        var rows = Evaluator.Predict(classifier, set.Examples, null, stop);
        foreach (var score in RunMetrics.Scores(set.Prefix, rows))
        {
            yield return score;
        }
    }

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

        if (_arguments.AdapterNameOrPath is { Length: > 0 } start)
        {
            _run.Progress.Note($"rank, scale, dropout and layers of the adapter are those of {start}");
        }

        var adapter = _arguments.AdapterNameOrPath is { Length: > 0 } folder
            ? AdapterModel.Load(_model.Decoder, folder, isTrainable: true)
            : AdapterModel.Start(_model.Decoder, AdapterConfig(), _arguments.Seed);
        foreach (var warning in adapter.Warnings)
        {
            _run.Progress.Note($"warning: {warning}");
        }

        return (adapter, TrainableParameter.OfAdapter(adapter, _arguments.LoraplusLrRatio ?? 1));
    }

    private LoraConfig AdapterConfig() => new()
    {
        Rank = _arguments.LoraRank,
        Alpha = _arguments.LoraAlpha!.Value,
        Dropout = _arguments.LoraDropout,
        UseRsLora = _arguments.UseRslora,
        UseDora = _arguments.UseDora,
        ModulesToSave = _arguments.ModulesToSave ?? [],
        TargetModules = _arguments.LoraTargetModules is { Count: > 0 } names && names is not ["all-linear"] ? ModuleSelector.Named(names) : ModuleSelector.AllLinear,
        TaskType = "CAUSAL_LM",
        BaseModel = Path.GetFullPath(_arguments.ModelNameOrPath!),
    };
}
