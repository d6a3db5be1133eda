using System.Security.Cryptography;
using System.Text;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>A training run from arguments to artefact.</summary>
public sealed class TrainingJob : IDisposable
{
    private readonly TrainArguments _arguments;
    private readonly ITrainingProgress _progress;
    private readonly TimeProvider _time;
    private readonly LanguageModel _model;
    private readonly TrainingRows _rows;
    private readonly Trainer _trainer;
    private readonly AdapterModel? _adapter;
    private readonly DType _computeType;

    private TrainingJob(TrainArguments arguments, ITrainingProgress progress, TimeProvider time)
    {
        _progress = progress;
        _time = time;
        _computeType = ComputeType.Choose(arguments.Bf16 || arguments.Fp16 ? "auto" : arguments.Dtype, DeviceOf(arguments), out var why);
        progress.Note(why);
        var defaults = TrainingDefaults.Of(arguments);
        _arguments = defaults.Fill(arguments);
        _model = LoadModel(_arguments, _computeType, progress);
        try
        {
            _rows = TrainingRows.Read(_arguments, defaults, _model.RequireTokenizer, progress);
            _rows.Require(_model.Config);
            IReadOnlyList<TrainableParameter> trainable;
            (_adapter, trainable) = StartTraining();
            progress.Note($"{trainable.Sum(item => item.Parameter.Value.ElementCount):N0} of {_model.Config.ParameterCount:N0} parameters train, on {_rows.Train.Count:N0} rows");
            Recorder = null!;
            _trainer = new Trainer(_model.Decoder, trainable, _rows.Train, _arguments.ToOptions(_rows.Train.Count), _computeType, new Forward(this), time);
        }
        catch
        {
            _model.Dispose();
            throw;
        }
    }

    private RunRecorder Recorder { get; set; }

    private string OutputFolder => _arguments.OutputDir!;

    /// <summary>Runs a job to its end or to a stop.</summary>
    /// <param name="arguments">Checked arguments.</param>
    /// <param name="progress">Shows the run.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stop">Asks to save and stop after the step under way.</param>
    /// <returns>Whether the run is done; false when it was stopped and saved.</returns>
    /// <exception cref="OptionsException">Data, prompt or arguments are wrong.</exception>
    /// <exception cref="CheckpointException">The base is unfit, or the run cannot be written.</exception>
    public static bool Run(TrainArguments arguments, ITrainingProgress progress, TimeProvider time, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        ArgumentNullException.ThrowIfNull(progress);
        if (arguments.Threads > 0)
        {
            TorchRuntime.Threads = arguments.Threads;
        }

        if (TrainingArtifact.IsFinished(arguments))
        {
            progress.Note($"{arguments.OutputDir}: the run is finished already, nothing to resume");
            return true;
        }

        using var job = new TrainingJob(arguments, progress, time);
        return job.RunToEnd(stop);
    }

    /// <summary>Releases model and optimizer.</summary>
    public void Dispose()
    {
        _trainer.Dispose();
        _model.Dispose();
    }

    private static Device DeviceOf(TrainArguments arguments) => Device.TryParse(arguments.Device, out var device) ? device : Device.Cpu;

    private static LanguageModel LoadModel(TrainArguments arguments, DType computeType, ITrainingProgress progress)
    {
        var options = new LanguageModelOptions
        {
            ComputeType = computeType,
            Device = DeviceOf(arguments),
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
            progress.Note($"{arguments.ModelNameOrPath} has no weights: pretraining begins from random ones");
            return LanguageModel.Fresh(arguments.ModelNameOrPath!, options, arguments.Seed);
        }

        return LanguageModel.Load(arguments.ModelNameOrPath!, options);
    }

    private (AdapterModel? Adapter, IReadOnlyList<TrainableParameter> Trainable) StartTraining()
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

    private bool RunToEnd(CancellationToken stop)
    {
        Directory.CreateDirectory(OutputFolder);
        AtomicFolder.DeleteLeftovers(OutputFolder);
        var fingerprint = Fingerprint();
        Resume(fingerprint);
        AtomicFile.WriteText(Path.Combine(OutputFolder, TrainingArtifact.ArgumentsFile), TrainArgumentsReader.Write(_arguments));
        var options = new RunRecorderOptions(OutputFolder, fingerprint, _arguments.SaveTotalLimit, WriteWeights);
        using var recorder = new RunRecorder(options, _trainer.Step, _time, _progress) { Evaluate = Evaluate };
        Recorder = recorder;
        _progress.Begin(_trainer.Plan, _trainer.Step);
        if (!_trainer.Run(stop))
        {
            return false;
        }

        WriteWeights(OutputFolder);
        TrainingArtifact.Finish(_arguments, _rows, _model, _computeType);
        return true;
    }

    private void Resume(string fingerprint)
    {
        var wanted = _arguments.ResumeFromCheckpoint;
        if (string.IsNullOrEmpty(wanted) || wanted == "false")
        {
            if (TrainingCheckpoint.List(OutputFolder) is [var (step, _), ..])
            {
                throw new OptionsException(new Problem(
                    "output_dir", $"{OutputFolder} holds a run that reached step {step}", Hint: "Give --resume_from_checkpoint true to go on with it, or another output_dir."));
            }

            return;
        }

        if (wanted != "true")
        {
            TrainingCheckpoint.Resume(wanted, _trainer, fingerprint);
            _progress.Note($"going on from {wanted}");
            return;
        }

        var found = TrainingCheckpoint.ResumeNewest(OutputFolder, _trainer, fingerprint, problem => _progress.Note(problem.ToString()));
        _progress.Note(found is null ? "no checkpoint to go on from: the run starts at step 0" : $"going on from {found}");
    }

    /// <summary>What decides the course of a run; where and how often it is saved does not.</summary>
    private string Fingerprint()
    {
        var same = _arguments with
        {
            OutputDir = null, ResumeFromCheckpoint = null, SaveSteps = 1, SaveTotalLimit = null, LoggingSteps = 1, Threads = 0, SaveStrategy = "steps",
        };
        var text = TrainArgumentsReader.Write(same) + _rows.Fingerprint;
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    private void WriteWeights(string folder)
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

    private IReadOnlyList<KeyValuePair<string, double>> Evaluate(Trainer trainer)
    {
        var loss = KeyValuePair.Create("loss", trainer.Evaluate(_rows.Evaluation));
        if (_rows.EvaluationExamples.Count == 0)
        {
            return [loss];
        }

        using var classifier = new RelationClassifier(
            _model.Decoder, _model.RequireTokenizer(), _rows.Template!, _rows.Schema!, new ForwardContext(_computeType, null));
        var report = new Evaluator(_time).Evaluate(classifier, _rows.EvaluationExamples, null, CancellationToken.None).Result.Report;
        return [loss, KeyValuePair.Create("weighted_f1", report.Weighted.F1), KeyValuePair.Create("accuracy", report.Accuracy)];
    }

    /// <summary>The recorder begins when it is known where the run goes on; the trainer is made before.</summary>
    private sealed class Forward(TrainingJob job) : ITrainingObserver
    {
        public void OnStep(TrainStep step) => job.Recorder.OnStep(step);

        public void OnSave(Trainer trainer) => job.Recorder.OnSave(trainer);

        public void OnEvaluate(Trainer trainer) => job.Recorder.OnEvaluate(trainer);
    }
}
