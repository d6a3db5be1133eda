using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Tfidf;
using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>Trains the linear baseline: no model below, no batches, seconds of work, so no checkpoints either.</summary>
internal static class TfidfJob
{
    /// <summary>Runs to the end or to a stop.</summary>
    /// <param name="arguments">Checked arguments.</param>
    /// <param name="progress">Shows the run.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stop">Ends the work; nothing is kept then.</param>
    /// <returns>Whether the run is done.</returns>
    /// <exception cref="OptionsException">Data or labels are wrong.</exception>
    /// <exception cref="CheckpointException">The run cannot be written.</exception>
    public static bool Run(TrainArguments arguments, ITrainingProgress progress, TimeProvider time, CancellationToken stop)
    {
        var rows = RelationRows.Read(arguments, progress.Note);
        var folder = arguments.OutputDir!;
        Directory.CreateDirectory(folder);
        AtomicFile.WriteText(Path.Combine(folder, TrainingArtifact.ArgumentsFile), TrainArgumentsReader.Write(arguments));
        using var log = TrainLog.Create(Path.Combine(folder, TrainingArtifact.LogFile));
        try
        {
            var characters = rows.Train.Sum(row => (long)row.Text.Length);
            var (started, before, last) = (time.GetTimestamp(), 0.0, 0L);
            using var model = TfidfModel.Train(rows.Train, rows.Schema, Write, stop);
            progress.Note(FormattableString.Invariant(
                $"{model.ParameterCount:N0} weights fitted to {rows.Train.Count:N0} rows in {time.GetElapsedTime(started).TotalSeconds:0.0} s, {last} steps"));
            var metrics = Evaluate(model, rows, stop);
            if (metrics.Count > 0)
            {
                var evaluated = new EvalStep(last, metrics);
                log.Write(evaluated);
                progress.Evaluated(evaluated);
            }

            model.Save(folder);
            TrainingArtifact.Write(arguments, new ArtifactInfo
            {
                Method = arguments.Method,
                Labels = rows.Schema.Labels,
                Aliases = rows.Schema.Aliases,
                Metrics = metrics.ToDictionary(metric => $"eval_{metric.Key}", metric => metric.Value),
            });
            return true;

            void Write(FitStep step)
            {
                var elapsed = time.GetElapsedTime(started).TotalSeconds;
                var seconds = elapsed - before;
                (last, before) = (step.Step, elapsed);
                log.Write(new TrainStep(
                    step.Step, step.Step, step.Loss, step.StepLength, step.GradientNorm, characters, rows.Train.Count, seconds, characters / seconds,
                    Environment.WorkingSet));
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return false;
        }
    }

    private static List<KeyValuePair<string, double>> Evaluate(TfidfModel model, RelationRows rows, CancellationToken stop) =>
        [.. rows.Sets.SelectMany(set => RunMetrics.Scores(set.Prefix, Evaluator.Predict(model, set.Rows, null, stop)))];
}
