using System.Globalization;
using Guanxi.Cli.Training;
using Guanxi.Relations;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Training;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Training;

namespace Guanxi.Cli.Commands;

/// <summary><c>guanxi demo</c>: the whole job on the files of the repository, for somebody who has just cloned it.</summary>
internal static class DemoCommand
{
    private const string Summary = "Fine-tunes the embedded base on the sample, evaluates it on held-out rows, shows what to do next.";
    private const int ShownPredictions = 3;
    private const int ShownLabels = 4;
    private const int BarWidth = 30;

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("demo", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("demo", Summary) { Examples = ["./guanxi demo"] };
        command.SetAction(_ => Run());
        return command;
    }

    private static int Run()
    {
        var root = EmbeddedFiles.FindRoot();
        var output = Path.Combine(root, "runs", "demo");
        if (File.Exists(Path.Combine(output, ArtifactInfo.FileName)))
        {
            // The demo's own folder, and finished: a second call shows the whole job again.
            Directory.Delete(output, recursive: true);
        }

        using var status = new StatusLine();
        var arguments = Arguments(root, output);
        using var stop = new StopSignals(() => status.Say("stopping after this step"));
        if (!TrainingJob.Run(arguments, new TrainProgress(status, arguments.LoggingSteps, isShown: true), TimeProvider.System, stop.Token))
        {
            status.Say("stopped and saved; ./guanxi demo goes on from here");
            return ExitCode.Stopped;
        }

        Show(root, output, stop.Token);
        return ExitCode.Done;
    }

    private static TrainArguments Arguments(string root, string output) => TrainArgumentsReader.Read(
        null,
        [
            new("model_name_or_path", Path.Combine(root, EmbeddedFiles.Base)),
            new("train_file", Path.Combine(root, EmbeddedFiles.TrainingRows)),
            new("output_dir", output),
            new("save_strategy", "no"),
            new("logging_steps", "50"),
            .. TrainingCheckpoint.List(output).Count > 0 ? [new KeyValuePair<string, string>("resume_from_checkpoint", "true")] : Array.Empty<KeyValuePair<string, string>>(),
        ],
        _ => { });

    private static void Show(string root, string output, CancellationToken stop)
    {
        using var model = TrainedModel.Load(output, new LanguageModelOptions { ComputeType = ComputeType.Choose(ComputeType.Auto, Device.Cpu, TimeProvider.System, out _) });
        var data = DatasetReader.Read(Path.Combine(root, EmbeddedFiles.TestRows), new DatasetReadOptions { Schema = model.Schema });
        var evaluation = new Evaluator(TimeProvider.System).Evaluate(model.Classifier, data.Relations, null, stop);
        var (accuracy, guessing) = (evaluation.Result.Report.Accuracy, 1.0 / model.Schema.Labels.Count);
        var millions = model.RequireModel().Config.ParameterCount / 1e6;
        Console.Out.WriteLine(evaluation.Result.Report.ToString());
        foreach (var row in evaluation.Rows.Where(row => row.Prediction is not null).Take(ShownPredictions))
        {
            ShowPrediction(row, model.Schema);
        }

        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"""

            {accuracy:P0} of the held-out rows are right; guessing gets {guessing:P0}. The embedded base is small ({millions:F1} million
            parameters, pretrained on old novels): this shows that the job works, not what the method is worth. Downloaded models and the published recipe take the same commands.

            The run:        {output}
            Classify:       ./guanxi predict --model {output} --text 张三是李四的父亲。 --people1 张三 --people2 李四
            Your own data:  ./guanxi train --model_name_or_path assets/base-zh --train_file YOURS.tsv --output_dir runs/mine
            """));
    }

    private static void ShowPrediction(EvaluatedRow row, RelationSchema schema)
    {
        Console.Out.WriteLine();
        Console.Out.WriteLine($"{row.Example.Text}\n  {row.Example.Person1} | {row.Example.Person2}   gold: {row.Gold}");
        foreach (var (label, probability) in schema.Labels.Zip(row.Prediction!.Probabilities).OrderByDescending(pair => pair.Second).Take(ShownLabels))
        {
            var bar = new string('#', (int)Math.Round(probability * BarWidth));
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {probability,6:P1} {bar,-BarWidth} {label}"));
        }
    }
}
