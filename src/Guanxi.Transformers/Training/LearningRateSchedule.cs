namespace Guanxi.Transformers.Training;

/// <summary>How the learning rate goes from step to step, after the warm-up.</summary>
public enum LearningRateKind
{
    /// <summary>The same from the first step on; a warm-up is ignored.</summary>
    Constant,

    /// <summary>The same after the warm-up.</summary>
    ConstantWithWarmup,

    /// <summary>Falls in a straight line to 0.</summary>
    Linear,

    /// <summary>Falls to 0 along half a cosine wave.</summary>
    Cosine,

    /// <summary>Falls to 0 along a cosine several times.</summary>
    CosineWithRestarts,

    /// <summary>Falls along a power of the steps left.</summary>
    Polynomial,

    /// <summary>Falls with the square root of the steps done.</summary>
    InverseSqrt,

    /// <summary>As <see cref="Cosine"/>, to a rate above 0.</summary>
    CosineWithMinLr,

    /// <summary>The same for most steps, then along half a cosine wave.</summary>
    WarmupStableDecay,
}

/// <summary>The settings of a <see cref="LearningRateSchedule"/>.</summary>
public sealed record LearningRateOptions
{
    /// <summary>Rate at the top, above 0.</summary>
    public required double BaseRate { get; init; }

    /// <summary>Optimizer steps of the whole run, at least 1.</summary>
    public required int TotalSteps { get; init; }

    /// <summary>The course of the rate.</summary>
    /// <value><see cref="LearningRateKind.Linear"/></value>
    public LearningRateKind Kind { get; init; } = LearningRateKind.Linear;

    /// <summary>Steps in which the rate rises from 0 in a straight line.</summary>
    /// <value>0</value>
    public int WarmupSteps { get; init; }

    /// <summary>What <see cref="Kind"/> has beside.</summary>
    /// <value>The kind's own defaults.</value>
    public LearningRateForm Form { get; init; } = new();
}

/// <summary>The learning rate of every optimizer step.</summary>
/// <remarks>
/// Source: transformers' optimization.py, whose names and arithmetic these are. Step 1 of a warm-up runs with rate 0:
/// the factor is that of the steps done before.
/// </remarks>
public sealed class LearningRateSchedule
{
    private const double HalfWave = 0.5;
    private const int TimeScaleWithoutWarmup = 10_000;

    private static readonly Dictionary<string, LearningRateKind> s_names = new(StringComparer.Ordinal)
    {
        ["constant"] = LearningRateKind.Constant,
        ["constant_with_warmup"] = LearningRateKind.ConstantWithWarmup,
        ["linear"] = LearningRateKind.Linear,
        ["cosine"] = LearningRateKind.Cosine,
        ["cosine_with_restarts"] = LearningRateKind.CosineWithRestarts,
        ["polynomial"] = LearningRateKind.Polynomial,
        ["inverse_sqrt"] = LearningRateKind.InverseSqrt,
        ["cosine_with_min_lr"] = LearningRateKind.CosineWithMinLr,
        ["warmup_stable_decay"] = LearningRateKind.WarmupStableDecay,
    };

    private readonly LearningRateOptions _options;
    private readonly LearningRateForm _form;
    private readonly double _minRateShare;

    /// <summary>Makes a schedule.</summary>
    /// <param name="options">Its settings.</param>
    /// <exception cref="OptionsException">Settings are out of range or do not fit together.</exception>
    public LearningRateSchedule(LearningRateOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var problems = Check(options);
        _options = problems.Count == 0 ? options : throw new OptionsException(problems);
        _form = options.Form;
        _minRateShare = options.Form.MinRateShareOf(options.BaseRate);
    }

    /// <summary>The names that <see cref="ParseKind"/> knows, as Hugging Face spells them.</summary>
    public static IReadOnlyCollection<string> KindNames => s_names.Keys;

    /// <summary>Reads the value of <c>lr_scheduler_type</c>.</summary>
    /// <param name="name">For example <c>constant_with_warmup</c>.</param>
    /// <returns>The kind.</returns>
    /// <exception cref="OptionsException">There is no schedule of this name.</exception>
    public static LearningRateKind ParseKind(string name) => s_names.TryGetValue(name, out var kind)
        ? kind
        : throw new OptionsException(new Problem("lr_scheduler_type", "there is no such schedule", string.Join(", ", KindNames), name));

    /// <summary>The rate that an optimizer step uses.</summary>
    /// <param name="step">1 for the first step.</param>
    /// <returns>The rate.</returns>
    public double RateOf(int step)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        return _options.BaseRate * Factor(step - 1);
    }

    private static List<Problem> Check(LearningRateOptions options)
    {
        var (form, problems) = (options.Form, new List<Problem>());
        void Need(bool isRight, string where, string expected, double found) => Problem.Need(problems, isRight, where, expected, found);

        void NeedForm(bool isRight, string key, string expected, double? found) =>
            Need(isRight, $"{LearningRateForm.Key}, {key}", expected, found ?? 0);

        var isPolynomial = options.Kind == LearningRateKind.Polynomial;
        var isStable = options.Kind == LearningRateKind.WarmupStableDecay;
        var share = form.MinRateShareOf(options.BaseRate);
        Need(options.BaseRate > 0 && double.IsFinite(options.BaseRate), "learning_rate", "above 0", options.BaseRate);
        Need(options.TotalSteps >= 1, "max_steps", "at least 1", options.TotalSteps);
        Need(options.WarmupSteps >= 0, "warmup_steps", "at least 0", options.WarmupSteps);
        NeedForm(share is >= 0 and <= 1, form.MinRate is null ? "min_lr_rate" : "min_lr", "a share from 0 to 1 of learning_rate", share);
        NeedForm(form.TimeScale is null or > 0, "timescale", "above 0", form.TimeScale);
        NeedForm(double.IsFinite(form.Cycles ?? 0), "num_cycles", "a finite number", form.Cycles);
        NeedForm(!isPolynomial || form.Power >= 0, "power", "at least 0", form.Power);
        NeedForm(
            !isPolynomial || (form.EndRate >= 0 && form.EndRate < options.BaseRate),
            "lr_end", $"0 to below learning_rate, {options.BaseRate}", form.EndRate);
        NeedForm(
            !isStable || (form.DecaySteps >= 1 && (form.StableSteps is not null || form.DecaySteps <= options.TotalSteps - options.WarmupSteps)),
            "num_decay_steps", $"1 to {options.TotalSteps - options.WarmupSteps}, the steps after the warm-up", form.DecaySteps);
        if (options.Kind == LearningRateKind.CosineWithMinLr && (form.MinRate is null) == (form.MinRateShare is null))
        {
            problems.Add(new Problem(LearningRateForm.Key, "this schedule needs its lowest rate", "min_lr or min_lr_rate, and not both"));
        }

        return problems;
    }

    private double Factor(int done)
    {
        if (_options.Kind != LearningRateKind.Constant && done < _options.WarmupSteps)
        {
            var risen = (double)done / _options.WarmupSteps;
            return _options.Kind == LearningRateKind.WarmupStableDecay ? AboveMinimum(risen) : risen;
        }

        var (after, steps) = (done - _options.WarmupSteps, _options.TotalSteps - _options.WarmupSteps);
        var progress = (double)after / Math.Max(1, steps);
        return _options.Kind switch
        {
            LearningRateKind.Linear => Math.Max(0, (double)(_options.TotalSteps - done) / Math.Max(1, steps)),
            LearningRateKind.Cosine => Math.Max(0, Cosine(progress)),
            LearningRateKind.CosineWithRestarts => progress >= 1 ? 0 : Math.Max(0, Wave((_form.Cycles ?? 1) * progress % 1)),
            LearningRateKind.Polynomial => Polynomial(done),
            LearningRateKind.InverseSqrt => InverseSqrt(done),
            LearningRateKind.CosineWithMinLr => AboveMinimum(Cosine(progress)),
            LearningRateKind.WarmupStableDecay => StableDecay(done),
            _ => 1,
        };
    }

    // The order of the operations is that of the source: rates are equal to the last bit.
    private static double Wave(double angle) => 0.5 * (1 + Math.Cos(Math.PI * angle));

    private double Cosine(double progress) => 0.5 * (1 + Math.Cos(Math.PI * (_form.Cycles ?? HalfWave) * 2 * progress));

    private double AboveMinimum(double factor) => Math.Max(0, (factor * (1 - _minRateShare)) + _minRateShare);

    private double Polynomial(int done)
    {
        var (top, end) = (_options.BaseRate, _form.EndRate);
        if (done > _options.TotalSteps)
        {
            return end / top;
        }

        var left = 1 - ((double)(done - _options.WarmupSteps) / Math.Max(1, _options.TotalSteps - _options.WarmupSteps));
        return (((top - end) * Math.Pow(left, _form.Power)) + end) / top;
    }

    private double InverseSqrt(int done)
    {
        var scale = _form.TimeScale ?? (_options.WarmupSteps > 0 ? _options.WarmupSteps : TimeScaleWithoutWarmup);
        return 1 / Math.Sqrt((double)(done + scale - _options.WarmupSteps) / scale);
    }

    private double StableDecay(int done)
    {
        var stable = _form.StableSteps ?? _options.TotalSteps - _options.WarmupSteps - _form.DecaySteps;
        var fallen = (long)done - _options.WarmupSteps - stable;
        if (fallen < 0)
        {
            return 1;
        }

        if (fallen >= _form.DecaySteps)
        {
            return _minRateShare;
        }

        var progress = (double)fallen / _form.DecaySteps;
        return AboveMinimum(_form.Decay switch
        {
            DecayKind.Linear => 1 - progress,
            DecayKind.OneMinusSqrt => 1 - Math.Sqrt(progress),
            _ => Cosine(progress),
        });
    }
}
