using System.CommandLine;
using System.Globalization;
using Guanxi.Cli.Training;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Training;
using Guanxi.Transformers;

namespace Guanxi.Cli.Commands;

/// <summary><c>train</c>: a run from arguments to a model folder.</summary>
internal static class TrainCommand
{
    private const string Summary = "Trains a model: full, LoRA or QLoRA.";
    private const string ProcessesVariable = "WORLD_SIZE";
    private const string ProcessesKey = "nproc_per_node";
    private const string ResumeKey = "resume_from_checkpoint";

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("train", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("train", Summary)
        {
            ReadsOwnWords = true,
            MoreHelp = WriteKeys,
            Examples =
            [
                SampleCalls.Train,
                "./guanxi train --method tfidf --train_file examples/people/train.tsv --output_dir runs/tfidf",
                $"{SampleCalls.Train} --train_mode lora --num_train_epochs 3 --group_split 0.1 --eval_strategy epoch",
                $"./guanxi train --train_args_file {SampleCalls.Model}/train_args.json --{ResumeKey} true",
            ],
        };
        command.SetAction(parsed => Run(parsed.UnmatchedTokens));
        return command;
    }

    private static int Run(IReadOnlyList<string> words)
    {
        var read = TrainWords.Parse(words);
        var json = JsonOutput.Of(read.Json);
        using var status = new StatusLine();
        var arguments = ReadArguments(read, status);
        var progress = new TrainProgress(status, arguments.LoggingSteps);
        using var stop = new StopSignals(() => status.Say("stopping after this step; a second signal ends the program at once, without saving"));
        var isDone = Train(arguments, progress, stop.Token);
        if (!json.IsToStandardOutput)
        {
            Console.Out.WriteLine(Said(arguments, progress, isDone));
        }

        json.Write(Result(arguments, progress, isDone));
        if (!isDone)
        {
            status.Say("go on with:");
            status.Say("  " + Resuming(words));
        }

        return isDone ? ExitCode.Done : ExitCode.Stopped;
    }

    private static bool Train(TrainArguments arguments, TrainProgress progress, CancellationToken stop)
    {
        try
        {
            return TrainingJob.Run(arguments, progress, TimeProvider.System, stop);
        }
        catch (CheckpointException error) when (progress.Plan is not null)
        {
            // The run had begun, so its input was right: what fails now is the writing.
            throw new JobFailedException(error.Problems, error);
        }
    }

    /// <summary>Reads the keys; whatever is wrong with words, environment or keys is told together.</summary>
    private static TrainArguments ReadArguments(TrainWords read, StatusLine status)
    {
        List<Problem> problems = [.. read.Problems, .. SeveralProcesses(read)];
        TrainArguments? arguments = null;
        try
        {
            arguments = TrainArgumentsReader.Read(read.File, [.. read.Keys.Where(key => key.Key != ProcessesKey)], status.Say);
        }
        catch (OptionsException error)
        {
            problems.AddRange(error.Problems);
        }

        return arguments is not null && problems.Count == 0 ? arguments : throw new OptionsException(problems);
    }

    private static List<Problem> SeveralProcesses(TrainWords read)
    {
        var problems = new List<Problem>();
        void Refuse(string where, string? value)
        {
            if (value is not null && !(int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count == 1))
            {
                problems.Add(new Problem(where, "a run takes one process", "1, or nothing", value, "One process uses all processors: --threads says how many."));
            }
        }

        Refuse($"environment, {ProcessesVariable}", Environment.GetEnvironmentVariable(ProcessesVariable));
        Refuse($"--{ProcessesKey}", read.Keys.LastOrDefault(key => key.Key == ProcessesKey).Value);
        return problems;
    }

    private static string Said(TrainArguments arguments, TrainProgress progress, bool isDone)
    {
        var steps = progress.Last is { } last ? string.Create(CultureInfo.InvariantCulture, $" after step {last.Step} of {progress.Plan!.TotalSteps}") : string.Empty;
        return $"{arguments.OutputDir}: {(isDone ? "finished" : "stopped")}{steps}";
    }

    private static string Result(TrainArguments arguments, TrainProgress progress, bool isDone)
    {
        var json = new JsonLineWriter().StartObject()
            .Name("output_dir").Value(arguments.OutputDir)
            .Name("finished").Value(isDone)
            .Name("step").Value((double?)progress.Last?.Step)
            .Name("total_steps").Value((double?)progress.Plan?.TotalSteps)
            .Name("loss").Value(progress.Last?.Loss);
        return json.EndObject().ToString();
    }

    private static string Resuming(IReadOnlyList<string> words)
    {
        const string Option = $"--{ResumeKey}";
        var others = words.Where((word, i) => word != Option && !word.StartsWith($"{Option}=", StringComparison.Ordinal) && (i == 0 || words[i - 1] != Option));
        return "./guanxi train " + ShellWords.Join([.. others, Option, "true"]);
    }

    private static void WriteKeys(TextWriter output)
    {
        output.WriteLine("Keys, on the command line (--key value, --key=value) or in the JSON file that --train_args_file names:");
        foreach (var (group, keys) in TrainKeys.Groups())
        {
            output.WriteLine();
            output.WriteLine($"{group}:");
            foreach (var key in keys)
            {
                output.WriteLine($"  --{key.Name} {key.Kind}");
                output.WriteLine($"      {key.Summary}{(key.Default is null ? string.Empty : $" [default: {key.Default}]")}");
            }
        }

        output.WriteLine();
        output.WriteLine("A key without default takes the base model's or the published recipe's. --json FILE|- writes the result as JSON.");
        output.WriteLine();
    }
}
