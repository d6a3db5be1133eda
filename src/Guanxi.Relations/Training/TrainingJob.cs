using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Training;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Relations.Training;

/// <summary>A training run from arguments to artefact.</summary>
public sealed class TrainingJob : IDisposable
{
    private readonly TrainArguments _arguments;
    private readonly RankGroup _ranks;
    private readonly ITrainingProgress _progress;
    private readonly TimeProvider _time;
    private readonly TrainingSubject _subject;
    private readonly Trainer _trainer;

    private TrainingJob(
        TrainArguments arguments, TrainingDefaults defaults, RankGroup ranks, ITrainingProgress progress, TimeProvider time, CancellationToken stop)
    {
        _arguments = arguments;
        _progress = progress;
        _time = time;
        _ranks = ranks;
        var device = DeviceOf(arguments, ranks);
        var why = string.Empty;
        // Rank 0 decides: another processor might come to another choice, and the run would be neither.
        var computeType = (DType)(int)ranks.OfFirst(1, () => [(int)ComputeTypeOf(arguments, device, time, out why)])[0];
        progress.Note(why);
        progress.Note(OptimizerNames.Describe(arguments.Optim));
        _subject = TrainingSubject.Open(_arguments, defaults, new SubjectContext(computeType, device, ranks.IsFirst, progress, stop));
        try
        {
            var (parameters, task) = (_subject.Parameters, _subject.Task);
            progress.Note($"{parameters.Sum(item => item.Parameter.Value.ElementCount):N0} of {_subject.ParameterCount:N0} parameters train, on {task.RowCount:N0} rows");
            CheckChoice();
            _trainer = new Trainer(task, parameters, _subject.Options, computeType, new Forward(this), time, ranks);
        }
        catch
        {
            _subject.Dispose();
            throw;
        }
    }

    /// <summary>Made when it is known where the run goes on; only on rank 0.</summary>
    private RunRecorder? Recorder { get; set; }

    private string Metric => RunMetrics.MetricOf(_arguments, _subject.HasLabels);

    private string OutputFolder => _arguments.OutputDir!;

    /// <summary>Runs a job to its end or to a stop.</summary>
    /// <param name="arguments">Checked arguments.</param>
    /// <param name="progress">Shows the run.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stop">Asks to save and stop after the step under way.</param>
    /// <returns>Whether the run is done; false when it was stopped and saved.</returns>
    /// <exception cref="OptionsException">Data, prompt or arguments are wrong.</exception>
    /// <exception cref="CheckpointException">The base is unfit, or the run cannot be written.</exception>
    public static bool Run(TrainArguments arguments, ITrainingProgress progress, TimeProvider time, CancellationToken stop) =>
        Run(arguments, RankGroup.Alone, progress, time, stop);

    /// <summary>Runs a job that several processes share; each of them calls it, rank 0 reads and writes the run's folder.</summary>
    /// <param name="arguments">Checked arguments, the same in all processes.</param>
    /// <param name="ranks">The processes.</param>
    /// <param name="progress">Shows the run.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stop">Asks to save and stop after the step under way; asking one process is enough.</param>
    /// <returns>Whether the run is done; false when it was stopped and saved.</returns>
    /// <exception cref="OptionsException">Data, prompt or arguments are wrong, or differ between the processes.</exception>
    /// <exception cref="CheckpointException">The base is unfit, or the run cannot be written.</exception>
    /// <exception cref="RankLostException">Another process was lost or failed.</exception>
    public static bool Run(TrainArguments arguments, RankGroup ranks, ITrainingProgress progress, TimeProvider time, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        ArgumentNullException.ThrowIfNull(ranks);
        ArgumentNullException.ThrowIfNull(progress);
        ranks.UseThreads(arguments.Threads);
        return ranks.Run(() => RunTogether(arguments, ranks, progress, time, stop));
    }

    /// <summary>Releases model and optimizer.</summary>
    public void Dispose()
    {
        _trainer.Dispose();
        _subject.Dispose();
    }

    private static bool RunTogether(TrainArguments arguments, RankGroup ranks, ITrainingProgress progress, TimeProvider time, CancellationToken stop)
    {
        if (ranks.OfFirst(1, () => [TrainingArtifact.IsFinished(arguments) ? 1 : 0])[0] > 0)
        {
            progress.Note($"{arguments.OutputDir}: the run is finished already, nothing to resume");
            return true;
        }

        if (arguments.Method == Methods.Tfidf)
        {
            return ranks.WorldSize == 1
                ? TfidfJob.Run(arguments, progress, time, stop)
                : throw new OptionsException(new Problem("method", "a linear model is trained by one process", "one rank", $"{ranks.WorldSize} ranks", "It takes seconds."));
        }

        var defaults = TrainingDefaults.Of(arguments);
        var filled = defaults.Fill(arguments);
        try
        {
            return Adapted(filled, ranks, progress, time, stop) is { } adapted && RunShared(adapted, defaults, ranks, progress, time, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Stopped before the first step: there is nothing to save.
            return false;
        }
    }

    /// <summary>The arguments as they are once the base knows the rows' sentences, where that is wanted; null when that was stopped.</summary>
    private static TrainArguments? Adapted(TrainArguments filled, RankGroup ranks, ITrainingProgress progress, TimeProvider time, CancellationToken stop)
    {
        if (filled is { TaskType: not TaskType.Sft } or { Method: not (Methods.RBert or Methods.BertCls) } || SentenceAdaptation.Before(filled) is not { } first)
        {
            return filled;
        }

        _ = ranks.OfFirst(1, () =>
        {
            SentenceAdaptation.Write(first);
            return [1];
        });
        progress.Note($"first the encoder guesses hidden tokens of the rows' sentences, {filled.AdaptEpochs} times over: {first.Arguments.OutputDir}");
        return RunTogether(first.Arguments, ranks, progress, time, stop) ? filled with { ModelNameOrPath = first.Arguments.OutputDir, AdaptEpochs = 0 } : null;
    }

    private static bool RunShared(
        TrainArguments filled, TrainingDefaults defaults, RankGroup ranks, ITrainingProgress progress, TimeProvider time, CancellationToken stop)
    {
        var shared = filled with { WorldSize = ranks.WorldSize, LocalWorldSize = ranks.Place.LocalWorldSize };
        using var job = new TrainingJob(shared, defaults, ranks, progress, time, stop);
        if (ranks.WorldSize > 1)
        {
            progress.Note($"{ranks.WorldSize} ranks, {ranks.Place.LocalWorldSize} of them on this machine, threads of each: {TorchRuntime.Threads}");
            ranks.RequireSame(RankFacts.Of(job._arguments, job._subject));
        }

        return ranks.IsFirst ? job.RunToEnd(stop) : job.RunAlong(stop);
    }

    /// <summary>The device named, which is this rank's own where only its kind is.</summary>
    private static Device DeviceOf(TrainArguments arguments, RankGroup ranks) =>
        Device.TryParse(arguments.Device, out var named) ? ranks.OwnOf(named, arguments.Device) : Device.Cpu;

    /// <summary>The type to compute in: where nobody names it, that of the run that goes on, wherever it ran until now.</summary>
    private static DType ComputeTypeOf(TrainArguments arguments, Device device, TimeProvider time, out string why)
    {
        var wanted = arguments.Bf16 || arguments.Fp16 ? ComputeType.Auto : arguments.Dtype;
        if (wanted == ComputeType.Auto && EarlierType(arguments) is { } earlier)
        {
            why = $"computing in {ComputeType.NameOf(earlier)}, as the run did until now";
            return earlier;
        }

        return ComputeType.Choose(wanted, device, time, out why);
    }

    private static DType? EarlierType(TrainArguments arguments) => arguments.ResumeFromCheckpoint switch
    {
        null or "" or "false" => null,
        "true" => TrainingCheckpoint.List(arguments.OutputDir!).Select(found => TrainingCheckpoint.ComputeTypeOf(found.Path)).FirstOrDefault(type => type is not null),
        var path => TrainingCheckpoint.ComputeTypeOf(path),
    };

    /// <summary>The part of a process that is not rank 0: it computes, and writes nothing.</summary>
    private bool RunAlong(CancellationToken stop)
    {
        TrainingCheckpoint.Follow(_trainer);
        _progress.Begin(_trainer.Plan, _trainer.Step);
        return _trainer.Run(stop);
    }

    private bool RunToEnd(CancellationToken stop)
    {
        Directory.CreateDirectory(OutputFolder);
        AtomicFolder.DeleteLeftovers(OutputFolder);
        var fingerprint = Fingerprint();
        Resume(fingerprint);
        AtomicFile.WriteText(Path.Combine(OutputFolder, TrainingArtifact.ArgumentsFile), TrainArgumentsReader.Write(_arguments));
        var options = new RunRecorderOptions(OutputFolder, fingerprint, _arguments.SaveTotalLimit, Metric, _subject.WriteWeights);
        using var recorder = new RunRecorder(options, _trainer.Step, _time, _progress) { Evaluate = _subject.Evaluate };
        Recorder = recorder;
        _progress.Begin(_trainer.Plan, _trainer.Step);
        if (!_trainer.Run(stop))
        {
            return false;
        }

        LoadBest();
        _subject.WriteWeights(OutputFolder);
        _subject.Finish(_trainer.Best is { } best && _arguments.LoadBestModelAtEnd
            ? new Dictionary<string, double> { [$"eval_{Metric}"] = best.Score }
            : new Dictionary<string, double>());
        return true;
    }

    private void CheckChoice()
    {
        if (_arguments.EvalStrategy == "no")
        {
            if (_arguments.EvalFile is not null)
            {
                _progress.Note("eval_file is only compared with train_file: eval_strategy steps or epoch evaluates on it");
            }

            return;
        }

        if (Metric != RunMetrics.Loss && !_subject.HasLabels)
        {
            throw new OptionsException(new Problem(
                "metric_for_best_model", "the rows that are evaluated have no labels to be scored", RunMetrics.Loss, _arguments.MetricForBestModel));
        }

        if (_arguments.Chooses() && _arguments.GroupSplit == 0)
        {
            _progress.Note(
                $"eval_{Metric} of eval_file chooses the checkpoint, so it is no result to report: keep test data out of it, or let group_split cut rows off train_file");
        }
    }

    private void LoadBest()
    {
        if (_trainer.HasStoppedEarly)
        {
            _progress.Note($"stopped early: {_arguments.EarlyStoppingPatience} evaluations without a better eval_{Metric} than that of step {_trainer.Best!.Step}");
        }

        if (!_arguments.LoadBestModelAtEnd || _trainer.Best is not { } best)
        {
            return;
        }

        _progress.Note(string.Create(CultureInfo.InvariantCulture, $"the best checkpoint is that of step {best.Step}, eval_{Metric} {best.Score:0.0000}"));
        if (best.Step != _trainer.Step)
        {
            TrainingCheckpoint.LoadParameters(TrainingCheckpoint.PathOf(OutputFolder, best.Step), _trainer);
        }
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

            TrainingCheckpoint.Follow(_trainer);
            return;
        }

        if (wanted != "true")
        {
            ResumeFrom(wanted, fingerprint);
            _progress.Note($"going on from {wanted}");
            return;
        }

        var found = TrainingCheckpoint.ResumeNewest(OutputFolder, _trainer, fingerprint, problem => _progress.Note(problem.ToString()));
        _progress.Note(found is null ? "no checkpoint to go on from: the run starts at step 0" : $"going on from {found}");
    }

    private void ResumeFrom(string path, string fingerprint)
    {
        if (!File.Exists(Path.Combine(path, TrainingCheckpoint.InfoFile)))
        {
            throw new OptionsException(new Problem(
                "resume_from_checkpoint", "this is no checkpoint of a run", $"a folder with {TrainingCheckpoint.InfoFile}", path,
                "The weights of a trained adapter are a start without step and optimizer: --adapter_name_or_path."));
        }

        if (!HuggingFaceCheckpoint.Is(path))
        {
            TrainingCheckpoint.Resume(path, _trainer, fingerprint);
            return;
        }

        foreach (var difference in HuggingFaceCheckpoint.Resume(path, _trainer))
        {
            _progress.Note($"{path}: {difference}");
        }
    }

    /// <summary>What decides the course of a run. Where and how often it is saved does not, nor by how many ranks a step's rows are shared.</summary>
    private string Fingerprint()
    {
        var same = _arguments with
        {
            OutputDir = null, ResumeFromCheckpoint = null, SaveSteps = 1, SaveTotalLimit = null, LoggingSteps = 1, Threads = 0, FeatureCache = null, SaveStrategy = "steps",
            Dtype = ComputeType.NameOf(_trainer.ComputeType), Bf16 = false, Fp16 = false, LoadBestModelAtEnd = false, DdpTimeout = 0, RankTimeout = 0, GradientCheckpointing = null,
            PerDeviceTrainBatchSize = _arguments.PerDeviceTrainBatchSize * _arguments.GradientAccumulationSteps * _ranks.WorldSize, GradientAccumulationSteps = 1,
        };
        var text = TrainArgumentsReader.Write(same) + _subject.DataFingerprint;
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    private sealed class Forward(TrainingJob job) : ITrainingObserver
    {
        public void OnStep(TrainStep step) => job.Recorder?.OnStep(step);

        public void OnSave(Trainer trainer)
        {
            if (job._ranks.OfFirst(1, () => [job.Recorder!.IsSaved(trainer) ? 1 : 0])[0] > 0)
            {
                return;
            }

            if (job.Recorder is { } recorder)
            {
                recorder.OnSave(trainer);
            }
            else
            {
                TrainingCheckpoint.Save(job.OutputFolder, trainer, string.Empty, _ => { });
            }
        }

        public double OnEvaluate(Trainer trainer, CancellationToken stop) => job.Recorder!.OnEvaluate(trainer, stop);
    }
}
