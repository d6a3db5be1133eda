using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Training;

/// <summary>
/// The one training loop: models and losses differ by their <see cref="ITrainingTask"/>, and full, LoRA and QLoRA only in which
/// parameters train. Everything random is a function of the seed and the step, so a run that was interrupted goes on as if it had
/// not been.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly ITrainingTask _task;
    private readonly IReadOnlyList<TrainableParameter> _parameters;
    private readonly TrainingOptions _options;
    private readonly ITrainingObserver _observer;
    private readonly Optimizer _optimizer;
    private readonly LearningRateSchedule _schedule;
    private readonly DType _computeType;
    private readonly TimeProvider _time;

    /// <summary>Prepares a run.</summary>
    /// <param name="task">The model with its rows and their loss.</param>
    /// <param name="parameters">What trains: Float32 masters.</param>
    /// <param name="options">How.</param>
    /// <param name="computeType">Type of activations and products.</param>
    /// <param name="observer">Sees steps, saves, evaluates.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="OptionsException">The options make no run, or there are no rows.</exception>
    public Trainer(
        ITrainingTask task,
        IReadOnlyList<TrainableParameter> parameters,
        TrainingOptions options,
        DType computeType,
        ITrainingObserver observer,
        TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(options);
        (_task, _parameters, _options, _computeType, _observer, _time) = (task, parameters, options, computeType, observer, time);
        Plan = new TrainingPlan(task.RowCount, task.LengthOf, options, worldSize: 1);
        _schedule = new LearningRateSchedule(new LearningRateOptions
        {
            BaseRate = options.LearningRate,
            TotalSteps = Plan.TotalSteps,
            Kind = options.Scheduler,
            WarmupSteps = Plan.WarmupSteps,
        });
        _optimizer = new Optimizer(parameters, options);
    }

    /// <summary>Which rows every step sees.</summary>
    public TrainingPlan Plan { get; }

    /// <summary>Steps done.</summary>
    public int Step { get; private set; }

    /// <summary>The best evaluation so far; null when there was none, or they choose nothing.</summary>
    public BestEvaluation? Best { get; private set; }

    /// <summary>Whether all steps are done, or the evaluations have long not got better.</summary>
    public bool IsDone => !IsEvaluationPending && (Step >= Plan.TotalSteps || HasStoppedEarly);

    /// <summary>Whether as many evaluations as the options' patience have not got better.</summary>
    public bool HasStoppedEarly => _options.Patience > 0 && Best is { } best && best.EvaluationsSince >= _options.Patience;

    /// <summary>Whether the evaluation of the last step was broken off by a stop, and is the first thing to do.</summary>
    public bool IsEvaluationPending { get; private set; }

    /// <summary>Runs until the run is done or a stop is asked for; a step under way is finished first, an evaluation is not.</summary>
    /// <param name="stop">Asks for the stop.</param>
    /// <returns>Whether the run is done.</returns>
    /// <exception cref="TrainingDivergedException">Loss or gradient is infinite or not a number; nothing was updated by that step.</exception>
    public bool Run(CancellationToken stop)
    {
        // Read once a step: a stop that came between the decision to save and the next turn would end the run unsaved.
        var isStopping = stop.IsCancellationRequested;
        while (!IsDone && !isStopping)
        {
            if (!IsEvaluationPending)
            {
                _observer.OnStep(RunStep());
                IsEvaluationPending = IsDue(_options.EvalSteps);
            }

            var isBest = IsEvaluationPending && EvaluateAndChoose(stop);
            isStopping = stop.IsCancellationRequested;
            if (isBest || isStopping || IsDue(_options.SaveSteps))
            {
                _observer.OnSave(this);
            }
        }

        return IsDone;
    }

    /// <summary>Mean loss of rows that are not trained on.</summary>
    /// <param name="rows">The rows with their model; chance in them is the same at every call.</param>
    /// <param name="stop">Ends the work between batches.</param>
    /// <returns>Loss a target.</returns>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public double Evaluate(ITrainingTask rows, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(rows);
        using var mode = Autograd.NoGrad();
        double sum = 0;
        long count = 0;
        foreach (var (index, chunk) in Enumerable.Range(0, rows.RowCount).Chunk(_options.BatchSize).Index())
        {
            stop.ThrowIfCancellationRequested();
            using var scope = TensorScope.Enter();
            var batch = rows.Batch(chunk, new DropoutKey((ulong)_options.Seed, Step: 0, index));
            if (batch.TargetCount > 0)
            {
                sum += batch.LossSum(new ForwardContext(_computeType, null)).Item();
                count += batch.TargetCount;
            }
        }

        return sum / Math.Max(1, count);
    }

    /// <summary>Everything a later run needs to go on exactly from here, the parameters included.</summary>
    /// <returns>Names and tensors; they stay the trainer's.</returns>
    public IEnumerable<(string Name, Tensor Value)> State() =>
        Parameters().Concat(_optimizer.State());

    /// <summary>What trains.</summary>
    /// <returns>Names and tensors; they stay the model's.</returns>
    public IEnumerable<(string Name, Tensor Value)> Parameters() =>
        _parameters.Select(parameter => (parameter.Name, parameter.Parameter.Value));

    /// <summary>Rate of the next step, before the factors of parameters.</summary>
    internal double NextRate => _schedule.RateOf(Step + 1);

    /// <summary>What the optimizer remembers, parameter by parameter.</summary>
    internal IEnumerable<OptimizerState> OptimizerStates() => _optimizer.States();

    /// <summary>Goes on from a state whose tensors were copied into those of <see cref="State"/>.</summary>
    /// <param name="step">Steps that were done.</param>
    /// <param name="best">The best evaluation of these; null when there was none.</param>
    /// <param name="isEvaluationPending">As <see cref="IsEvaluationPending"/> was.</param>
    public void Resume(int step, BestEvaluation? best, bool isEvaluationPending)
    {
        (Step, Best, IsEvaluationPending) = (step, best, isEvaluationPending);
        _optimizer.Resume(step);
    }

    /// <summary>Releases the optimizer's memory; the model stays the caller's.</summary>
    public void Dispose() => _optimizer.Dispose();

    private bool IsDue(int every) => every > 0 && (Step % every == 0 || Step >= Plan.TotalSteps || HasStoppedEarly);

    /// <summary>Evaluates; true when it was the best so far and that counts.</summary>
    private bool EvaluateAndChoose(CancellationToken stop)
    {
        try
        {
            var score = _observer.OnEvaluate(this, stop);
            IsEvaluationPending = false;
            Best = _options.Choice == ModelChoice.None ? null : BestEvaluation.After(Best, Step, score, _options.Choice);
            return Best?.Step == Step;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // It stays pending: the run that goes on begins with it.
            return false;
        }
    }

    private TrainStep RunStep()
    {
        var started = _time.GetTimestamp();
        var rows = Plan.MicroBatches(Step, rank: 0);
        var batches = rows.Select((chosen, index) => _task.Batch(chosen, KeyOf(index))).ToArray();
        var targets = batches.Sum(batch => (long)batch.TargetCount);
        double loss = 0;
        for (var i = 0; i < batches.Length; i++)
        {
            if (batches[i].TargetCount > 0)
            {
                var count = _options.LossMean == LossMean.OfTargets ? targets : (long)batches[i].TargetCount * batches.Length;
                loss += RunMicroBatch(batches[i], i, count);
            }
        }

        var norm = _optimizer.GradientNorm();
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            _optimizer.ClearGradients();
            throw new TrainingDivergedException(Step + 1, loss, norm);
        }

        var rate = NextRate;
        var scale = _options.MaxGradNorm > 0 ? Math.Min(1, _options.MaxGradNorm / (norm + ClipEpsilon)) : 1;
        _optimizer.Step(rate, scale);
        _optimizer.ClearGradients();
        Step++;

        var seconds = _time.GetElapsedTime(started).TotalSeconds;
        var tokens = batches.Sum(batch => (long)batch.TokenCount);
        var examples = rows.Sum(chosen => chosen.Length);
        return new TrainStep(Step, Plan.EpochAfter(Step), loss, rate, norm, tokens, examples, seconds, tokens / seconds, Environment.WorkingSet);
    }

    /// <summary>As torch.nn.utils.clip_grad_norm_ adds it.</summary>
    private const double ClipEpsilon = 1e-6;

    private DropoutKey KeyOf(int microBatch) => new((ulong)_options.Seed, Step, microBatch);

    private double RunMicroBatch(ITrainingBatch batch, int index, long count)
    {
        using var scope = TensorScope.Enter();
        var loss = batch.LossSum(new ForwardContext(_computeType, KeyOf(index))) / count;
        loss.Backward();
        return loss.Item();
    }
}

/// <summary>What happens beside the training loop: logs, checkpoints, evaluations.</summary>
public interface ITrainingObserver
{
    /// <summary>A step was done.</summary>
    /// <param name="step">Its figures.</param>
    void OnStep(TrainStep step);

    /// <summary>The state should be saved.</summary>
    /// <param name="trainer">The trainer between two steps.</param>
    void OnSave(Trainer trainer);

    /// <summary>The model should be evaluated.</summary>
    /// <param name="trainer">The trainer between two steps.</param>
    /// <param name="stop">Breaks the evaluation off; it is then made again when the run goes on.</param>
    /// <returns>The score that the best checkpoint is chosen by; NaN when there is none.</returns>
    /// <exception cref="OperationCanceledException">It was broken off.</exception>
    double OnEvaluate(Trainer trainer, CancellationToken stop);
}

/// <summary>Loss or gradient became infinite or not a number. The parameters are those of the last good step.</summary>
public sealed class TrainingDivergedException : Exception
{
    internal TrainingDivergedException(int step, double loss, double gradientNorm)
        : base($"step {step}: loss {loss}, gradient norm {gradientNorm}: training has diverged. Resume from the last checkpoint with a lower learning_rate, a longer warm-up or fp32.")
        => Step = step;

    /// <summary>The step that failed, from 1.</summary>
    public int Step { get; }
}
