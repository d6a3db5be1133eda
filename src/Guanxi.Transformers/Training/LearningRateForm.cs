using System.Text.Json;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Training;

/// <summary>How the rate of <see cref="LearningRateKind.WarmupStableDecay"/> falls at the end.</summary>
public enum DecayKind
{
    /// <summary>Along a cosine.</summary>
    Cosine,

    /// <summary>In a straight line.</summary>
    Linear,

    /// <summary>With the square root of the steps: fast at first.</summary>
    OneMinusSqrt,
}

/// <summary>What a <see cref="LearningRateKind"/> has beside its rate and steps: Hugging Face's <c>lr_scheduler_kwargs</c>.</summary>
public sealed record LearningRateForm
{
    /// <summary>Where these settings stand, for messages.</summary>
    internal const string Key = "lr_scheduler_kwargs";

    private static readonly Dictionary<LearningRateKind, string[]> s_keys = new()
    {
        [LearningRateKind.Cosine] = ["num_cycles"],
        [LearningRateKind.CosineWithRestarts] = ["num_cycles"],
        [LearningRateKind.Polynomial] = ["lr_end", "power"],
        [LearningRateKind.InverseSqrt] = ["timescale"],
        [LearningRateKind.CosineWithMinLr] = ["num_cycles", "min_lr", "min_lr_rate"],
        [LearningRateKind.WarmupStableDecay] = ["num_decay_steps", "num_stable_steps", "decay_type", "min_lr_ratio", "num_cycles"],
    };

    private static readonly Dictionary<string, DecayKind> s_decays = new(StringComparer.Ordinal)
    {
        ["cosine"] = DecayKind.Cosine,
        ["linear"] = DecayKind.Linear,
        ["1-sqrt"] = DecayKind.OneMinusSqrt,
    };

    /// <summary>Waves of the cosine kinds (<c>num_cycles</c>).</summary>
    /// <value>Null: half a wave; with restarts, one fall.</value>
    public double? Cycles { get; init; }

    /// <summary>Exponent of <see cref="LearningRateKind.Polynomial"/> (<c>power</c>).</summary>
    /// <value>1</value>
    public double Power { get; init; } = 1;

    /// <summary>Last rate of <see cref="LearningRateKind.Polynomial"/> (<c>lr_end</c>).</summary>
    /// <value>1e-7</value>
    public double EndRate { get; init; } = 1e-7;

    /// <summary>Lowest rate of <see cref="LearningRateKind.CosineWithMinLr"/> (<c>min_lr</c>); it wins over the share.</summary>
    /// <value>Null.</value>
    public double? MinRate { get; init; }

    /// <summary>Lowest rate as a share of the highest, for the kinds that have one (<c>min_lr_rate</c>, <c>min_lr_ratio</c>).</summary>
    /// <value>Null: 0, where the kind does not need it.</value>
    public double? MinRateShare { get; init; }

    /// <summary>Steps of the fall of <see cref="LearningRateKind.WarmupStableDecay"/> (<c>num_decay_steps</c>).</summary>
    /// <value>0: that kind needs it.</value>
    public int DecaySteps { get; init; }

    /// <summary>Steps between the warm-up and that fall (<c>num_stable_steps</c>).</summary>
    /// <value>Null: what the run leaves.</value>
    public int? StableSteps { get; init; }

    /// <summary>Course of that fall (<c>decay_type</c>).</summary>
    /// <value><see cref="DecayKind.Cosine"/></value>
    public DecayKind Decay { get; init; } = DecayKind.Cosine;

    /// <summary>Steps in which <see cref="LearningRateKind.InverseSqrt"/> falls to 1/sqrt(2) (<c>timescale</c>).</summary>
    /// <value>Null: the warm-up steps, or 10 000 without a warm-up.</value>
    public int? TimeScale { get; init; }

    /// <summary>Reads <c>lr_scheduler_kwargs</c>.</summary>
    /// <param name="values">The JSON object.</param>
    /// <param name="kind">The schedule that they are for; null takes the keys of all.</param>
    /// <returns>The settings.</returns>
    /// <exception cref="OptionsException">Keys are unknown, not of this schedule, or have unfit values; all are listed.</exception>
    public static LearningRateForm Parse(JsonElement values, LearningRateKind? kind)
    {
        var problems = new List<Problem>();
        if (values.ValueKind != JsonValueKind.Object)
        {
            throw new OptionsException(new Problem(Key, "not an object", "{...}", JsonKeys.Show(values)));
        }

        string[] known = kind is { } one ? s_keys.GetValueOrDefault(one, []) : [.. s_keys.Values.SelectMany(keys => keys).Distinct()];
        var settings = new JsonKeys(values, Key, problems);
        foreach (var name in values.EnumerateObject().Select(item => item.Name).Except(known))
        {
            settings.Report(name, "the schedule has no such setting", known.Length > 0 ? string.Join(", ", known) : "none", null);
        }

        var defaults = new LearningRateForm();
        var form = new LearningRateForm
        {
            Cycles = Number(settings, "num_cycles"),
            Power = Number(settings, "power") ?? defaults.Power,
            EndRate = Number(settings, "lr_end") ?? defaults.EndRate,
            MinRate = Number(settings, "min_lr"),
            MinRateShare = Number(settings, "min_lr_rate") ?? Number(settings, "min_lr_ratio"),
            DecaySteps = Steps(settings, "num_decay_steps") ?? defaults.DecaySteps,
            StableSteps = Steps(settings, "num_stable_steps"),
            Decay = DecayOf(settings) ?? defaults.Decay,
            TimeScale = Steps(settings, "timescale"),
        };
        return problems.Count == 0 ? form : throw new OptionsException(problems);
    }

    /// <summary>Lowest rate as a share of the highest.</summary>
    internal double MinRateShareOf(double baseRate) => MinRate / baseRate ?? MinRateShare ?? 0;

    private static double? Number(JsonKeys settings, string key) =>
        settings.Has(key) ? settings.Number(key, 0, double.MinValue, double.MaxValue) : null;

    private static int? Steps(JsonKeys settings, string key)
    {
        if (!settings.TryFind(key, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var steps) && steps >= 0)
        {
            return steps;
        }

        settings.Report(key, "not a number of steps", "a whole number, at least 0", JsonKeys.Show(value));
        return null;
    }

    private static DecayKind? DecayOf(JsonKeys settings)
    {
        const string Name = "decay_type";
        if (settings.Text(Name) is not { } text)
        {
            return null;
        }

        if (s_decays.TryGetValue(text, out var decay))
        {
            return decay;
        }

        settings.Report(Name, "there is no such course", string.Join(", ", s_decays.Keys), FileErrors.Quote(text));
        return null;
    }
}
