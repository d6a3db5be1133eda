using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>Writes what a run leaves behind while it goes: log, TensorBoard events, checkpoints.</summary>
internal sealed class RunRecorder : ITrainingObserver, IDisposable
{
    private readonly string _folder;
    private readonly string _fingerprint;
    private readonly int? _keep;
    private readonly string _metric;
    private readonly int _firstStep;
    private readonly Action<string> _writeModel;
    private readonly ITrainingProgress _progress;
    private readonly TrainLog _log;
    private readonly TensorBoardWriter _events;

    public RunRecorder(RunRecorderOptions options, int firstStep, TimeProvider time, ITrainingProgress progress)
    {
        _folder = options.Folder;
        _fingerprint = options.Fingerprint;
        _keep = options.CheckpointsToKeep;
        _metric = options.Metric;
        _firstStep = firstStep;
        _writeModel = options.WriteModel;
        _progress = progress;
        var log = Path.Combine(_folder, TrainingArtifact.LogFile);
        _log = firstStep == 0 ? TrainLog.Create(log) : TrainLog.Resume(log, firstStep);
        _events = new TensorBoardWriter(Path.Combine(_folder, "runs"), time, firstStep == 0 ? null : firstStep + 1);
    }

    /// <summary>Metrics of an evaluation; set before the run when it evaluates.</summary>
    public Func<Trainer, CancellationToken, IReadOnlyList<KeyValuePair<string, double>>> Evaluate { get; init; } = (_, _) => [];

    public void OnStep(TrainStep step)
    {
        _log.Write(step);
        _events.WriteScalar("train/loss", step.Step, step.Loss);
        _events.WriteScalar("train/learning_rate", step.Step, step.LearningRate);
        _events.WriteScalar("train/grad_norm", step.Step, step.GradNorm);
        _events.WriteScalar("train/epoch", step.Step, step.Epoch);
        _progress.Step(step);
    }

    public double OnEvaluate(Trainer trainer, CancellationToken stop)
    {
        var evaluated = new EvalStep(trainer.Step, Evaluate(trainer, stop));
        _log.Write(evaluated);
        foreach (var (name, value) in evaluated.Metrics)
        {
            _events.WriteScalar($"eval/{name}", trainer.Step, value);
        }

        _progress.Evaluated(evaluated);
        return evaluated.Metrics.Where(metric => metric.Key == _metric).Select(metric => metric.Value).FirstOrDefault(double.NaN);
    }

    /// <summary>Whether the checkpoint is what the run went on from: to replace it would leave a moment without it.</summary>
    public bool IsSaved(Trainer trainer) => trainer.Step == _firstStep && Directory.Exists(TrainingCheckpoint.PathOf(_folder, _firstStep));

    public void OnSave(Trainer trainer)
    {
        var saved = TrainingCheckpoint.Save(_folder, trainer, _fingerprint, _writeModel);
        if (_keep is { } keep)
        {
            DeleteOld(saved, keep, trainer.Best?.Step);
        }
    }

    /// <summary>Deletes all but the newest and the best; none when the newest, read again, is not what was written.</summary>
    private void DeleteOld(string saved, int keep, int? best)
    {
        var old = TrainingCheckpoint.List(_folder).Skip(Math.Max(1, keep)).Where(item => item.Step != best).ToArray();
        if (old.Length == 0)
        {
            return;
        }

        if (Integrity.Verify(saved) is [var problem, ..])
        {
            _progress.Note($"warning: {problem}; older checkpoints are kept");
            return;
        }

        foreach (var (_, path) in old)
        {
            Delete(path);
        }
    }

    public void Dispose()
    {
        _log.Dispose();
        _events.Dispose();
    }

    private static void Delete(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(new Problem(path, "an old checkpoint cannot be deleted", Found: error.Message), error);
        }
    }
}

/// <summary>Where and how a run is recorded.</summary>
/// <param name="Folder">Folder of the run.</param>
/// <param name="Fingerprint">What must be the same when the run goes on.</param>
/// <param name="CheckpointsToKeep">Newest checkpoints to keep; null for all.</param>
/// <param name="Metric">The metric that chooses the best checkpoint.</param>
/// <param name="WriteModel">Writes the model's files into a checkpoint.</param>
internal sealed record RunRecorderOptions(string Folder, string Fingerprint, int? CheckpointsToKeep, string Metric, Action<string> WriteModel);
