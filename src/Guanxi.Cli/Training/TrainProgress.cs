using System.Globalization;
using Guanxi.Relations.Training;
using Guanxi.Transformers.Training;

namespace Guanxi.Cli.Training;

/// <summary>Shows a training run on standard error: a line every so many steps, and on a terminal the step under way.</summary>
/// <param name="status">Where to.</param>
/// <param name="every">Steps between two lines.</param>
/// <param name="isShown">Whether anything is: of several ranks only the first speaks.</param>
internal sealed class TrainProgress(StatusLine status, int every, bool isShown) : ITrainingProgress
{
    private readonly List<TrainStep> _window = [];

    /// <summary>The plan; null until the run begins, after model and data were found right.</summary>
    public TrainingPlan? Plan { get; private set; }

    /// <summary>The last step done; null before the first.</summary>
    public TrainStep? Last { get; private set; }

    /// <inheritdoc/>
    public void Note(string text)
    {
        if (isShown)
        {
            status.Say(text);
        }
    }

    /// <inheritdoc/>
    public void Begin(TrainingPlan plan, int firstStep)
    {
        Plan = plan;
        Note(Invariant($"steps {firstStep + 1} to {plan.TotalSteps}, {plan.StepsPerEpoch} an epoch"));
    }

    /// <inheritdoc/>
    public void Step(TrainStep step)
    {
        if (!isShown)
        {
            Last = step;
            return;
        }

        _window.Add(step);
        var isFirst = Last is null;
        Last = step;
        var line = Line(step);
        if (isFirst || step.Step % every == 0 || step.Step == Plan!.TotalSteps)
        {
            status.Say(line);
            _window.Clear();
        }
        else
        {
            status.Show(line);
        }
    }

    /// <inheritdoc/>
    public void Evaluated(EvalStep evaluated) => status.Say(
        Invariant($"step {evaluated.Step}  ") + string.Join("  ", evaluated.Metrics.Select(metric => Invariant($"eval_{metric.Key} {metric.Value:0.0000}"))));

    /// <summary>Loss and speed are means over the steps since the last line.</summary>
    private string Line(TrainStep step)
    {
        var seconds = _window.Sum(done => done.Seconds);
        var speed = _window.Sum(done => done.Tokens) / Math.Max(seconds, double.Epsilon);
        var left = TimeSpan.FromSeconds(seconds / _window.Count * (Plan!.TotalSteps - step.Step));
        return Invariant(
            $"step {step.Step}/{Plan.TotalSteps}  epoch {step.Epoch:0.00}  loss {_window.Average(done => done.Loss):0.0000}  rate {Rate(step.LearningRate)}  ")
            + Invariant($"{speed:0} tokens/s  {Durations.Show(left)} left  {Bytes.Show(step.RssBytes)}");
    }

    private static string Rate(double rate) => rate == 0 ? "0" : rate.ToString("0.##e-0", CultureInfo.InvariantCulture);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
