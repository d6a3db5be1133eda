using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Training.Ranks;

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
    private readonly GradientSum _gradients;
    private readonly LearningRateSchedule _schedule;
    private readonly TimeProvider _time;

    /// <summary>Prepares a run.</summary>
    /// <param name="task">The model with its rows and their loss.</param>
    /// <param name="parameters">What trains: Float32 masters.</param>
    /// <param name="options">How.</param>
    /// <param name="computeType">Type of activations and products.</param>
    /// <param name="observer">Sees steps, saves, evaluates.</param>
    /// <param name="time">The clock.</param>
    /// <param name="ranks">The processes, or this one alone; each of them has a trainer like this one.</param>
    /// <exception cref="OptionsException">The options make no run, or there are no rows.</exception>
    public Trainer(
        ITrainingTask task,
        IReadOnlyList<TrainableParameter> parameters,
        TrainingOptions options,
        DType computeType,
        ITrainingObserver observer,
        TimeProvider time,
        RankGroup ranks)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(ranks);
        (_task, _parameters, _options, ComputeType, _observer, _time) = (task, parameters, options, computeType, observer, time);
        Ranks = ranks;
        Plan = new TrainingPlan(task.RowCount, task.LengthOf, options, ranks.WorldSize);
        _schedule = new LearningRateSchedule(new LearningRateOptions
        {
            BaseRate = options.LearningRate,
            TotalSteps = Plan.TotalSteps,
            Kind = options.Scheduler,
            WarmupSteps = Plan.WarmupSteps,
            Form = options.SchedulerForm,
        });
        _optimizer = new Optimizer(parameters, options, ranks);
        _gradients = new GradientSum(parameters, ranks);
    }

    /// <summary>Type of activations and products.</summary>
    public DType ComputeType { get; }

    /// <summary>The processes that train.</summary>
    public RankGroup Ranks { get; }

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
    /// <exception cref="RankLostException">Another process was lost.</exception>
    public bool Run(CancellationToken stop)
    {
        // Read once a step: a stop that came between the decision to save and the next turn would end the run unsaved.
        var isStopping = Ranks.Any(stop.IsCancellationRequested);
        while (!IsDone && !isStopping)
        {
            if (!IsEvaluationPending)
            {
                _observer.OnStep(RunStep());
                IsEvaluationPending = IsDue(_options.EvalSteps);
            }

            var isBest = IsEvaluationPending && EvaluateAndChoose(stop);
            isStopping = Ranks.Any(stop.IsCancellationRequested);
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
                sum += batch.LossSum(new ForwardContext(ComputeType, null)).Item();
                count += batch.TargetCount;
            }
        }

        return sum / Math.Max(1, count);
    }

    /// <summary>Everything a later run needs to go on exactly from here, the parameters included.</summary>
    /// <returns>Names and tensors; they stay the trainer's. Of the optimizer's, only this process's share.</returns>
    public IEnumerable<(string Name, Tensor Value)> State() =>
        Parameters().Concat(_optimizer.State());

    /// <summary>The same to be written, with the shares of all processes: each of them has to write all of it, be it to nowhere.</summary>
    internal IEnumerable<TensorSource> SavedState() => SharedStates().Select(state => TensorSource.Computed(state.Name, state.DType, state.Shape, () =>
    {
        var value = state.Value ?? Tensor.Empty(state.Shape, state.DType, Device.Cpu);
        if (state.Owner != 0)
        {
            Ranks.CopyInPlace(value, state.Owner);
        }

        return value;
    }));

    /// <summary>Form of all that a checkpoint holds, with the values that are here.</summary>
    internal IEnumerable<SharedState> SharedStates() => _parameters
        .Select(item => new SharedState(item.Name, item.Parameter.Value.DType, item.Parameter.Value.Shape.ToArray(), 0, item.Parameter.Value))
        .Concat(_optimizer.SharedStates());

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

    /// <summary>Goes on from a state that rank 0 reads; all processes call it, whether there is one or not.</summary>
    /// <param name="saved">What was done; null when the run begins, and in other processes.</param>
    /// <param name="read">Reads a tensor on rank 0.</param>
    internal void Restore(SavedProgress? saved, Func<SharedState, Tensor> read)
    {
        const int Count = 6;
        var told = Ranks.OfFirst(Count, () => saved is null ? new double[Count] :
        [
            1, saved.Step, saved.IsEvaluationPending ? 1 : 0, saved.Best?.Step ?? -1, saved.Best?.Score ?? 0, saved.Best?.EvaluationsSince ?? 0,
        ]);
        if (told[0] == 0)
        {
            return;
        }

        using var mode = Autograd.NoGrad();
        foreach (var state in SharedStates())
        {
            using var scope = TensorScope.Enter();
            var value = state.Value ?? Tensor.Empty(state.Shape, state.DType, Device.Cpu);
            if (Ranks.IsFirst)
            {
                value.CopyInPlace(read(state));
            }

            Ranks.CopyInPlace(value, owner: 0);
        }

        Resume((int)told[1], told[3] < 0 ? null : new BestEvaluation((int)told[3], told[4], (int)told[5]), told[2] > 0);
    }

    /// <summary>Releases the optimizer's memory; the model stays the caller's.</summary>
    public void Dispose()
    {
        _gradients.Dispose();
        _optimizer.Dispose();
    }

    private bool IsDue(int every) => every > 0 && (Step % every == 0 || Step >= Plan.TotalSteps || HasStoppedEarly);

    /// <summary>Evaluates; true when it was the best so far and that counts.</summary>
    private bool EvaluateAndChoose(CancellationToken stop)
    {
        var evaluated = Ranks.OfFirst(2, () => TryEvaluate(stop) is { } found ? [1, found] : [0, 0]);
        if (evaluated[0] == 0)
        {
            // It stays pending: the run that goes on begins with it.
            return false;
        }

        IsEvaluationPending = false;
        Best = _options.Choice == ModelChoice.None ? null : BestEvaluation.After(Best, Step, evaluated[1], _options.Choice);
        return Best?.Step == Step;
    }

    /// <summary>The score; null when it was broken off.</summary>
    private double? TryEvaluate(CancellationToken stop)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, Ranks.WhenLost);
        try
        {
            return _observer.OnEvaluate(this, either.Token);
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            return null;
        }
    }

    private TrainStep RunStep()
    {
        var started = _time.GetTimestamp();
        var rows = Plan.MicroBatches(Step, Ranks.Rank);
        var batches = rows.Select((chosen, index) => _task.Batch(chosen, KeyOf(index))).ToArray();
        var targets = (long)Ranks.Sum(batches.Sum(batch => (long)batch.TargetCount))[0];
        double loss = 0;
        for (var i = 0; i < batches.Length; i++)
        {
            Ranks.ThrowIfLost();
            if (i == batches.Length - 1)
            {
                _gradients.BeginLast();
            }

            if (batches[i].TargetCount > 0)
            {
                var count = _options.LossMean == LossMean.OfTargets ? targets : (long)batches[i].TargetCount * batches.Length * Ranks.WorldSize;
                loss += RunMicroBatch(batches[i], i, count);
            }
        }

        // Before any other exchange: what is under way has the order of the buckets on every rank.
        _gradients.Finish();
        var sums = Ranks.Sum(loss, batches.Sum(batch => (long)batch.TokenCount), rows.Sum(chosen => chosen.Length));
        loss = sums[0];
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
        return new TrainStep(
            Step, Plan.EpochAfter(Step), loss, rate, norm, (long)sums[1], (long)sums[2], seconds, sums[1] / seconds, Environment.WorkingSet);
    }

    /// <summary>As torch.nn.utils.clip_grad_norm_ adds it.</summary>
    private const double ClipEpsilon = 1e-6;

    /// <summary>Numbered through all processes: a single one with as many more micro-batches draws the same.</summary>
    private DropoutKey KeyOf(int microBatch) => new((ulong)_options.Seed, Step, (microBatch * Ranks.WorldSize) + Ranks.Rank);

    private double RunMicroBatch(ITrainingBatch batch, int index, double count)
    {
        using var scope = TensorScope.Enter();
        var loss = batch.LossSum(new ForwardContext(ComputeType, KeyOf(index))) / count;
        loss.Backward();
        return loss.Item();
    }
}
