using System.CommandLine;
using System.Globalization;
using Guanxi.Cli.Ranks;
using Guanxi.Cli.Training;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Training;
using Guanxi.Transformers;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Cli.Commands;

/// <summary><c>train</c>: a run from arguments to a model folder.</summary>
internal static class TrainCommand
{
    private const string Summary = "Trains a model: full, LoRA or QLoRA.";
    private const string ResumeKey = "resume_from_checkpoint";

    /// <summary>Keys that are the verb's own.</summary>
    private static readonly string[] s_ownKeys = [.. RankLaunch.Keys, TrainWords.FileKey, TrainWords.JsonKey];

    private static readonly RankWords s_rankWords = new(
        "stopping after this step; a second signal ends the program at once, without saving", $"--{ResumeKey} true goes on from the last checkpoint");

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("train", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("train", Summary)
        {
            OwnOptions = Options,
            MoreHelp = WriteKeys,
            Examples =
            [
                SampleCalls.Train,
                SampleCalls.TrainLinear,
                $"{SampleCalls.Train}-lora --train_mode lora --num_train_epochs 3 --group_split 0.1 --eval_strategy epoch",
                $"./guanxi train --train_args_file {SampleCalls.Model}/train_args.json --{ResumeKey} true",
            ],
        };
        command.SetAction(parsed => Run(parsed.UnmatchedTokens));
        return command;
    }

    /// <summary>The keys as options.</summary>
    private static IEnumerable<Option> Options()
    {
        foreach (var key in TrainKeys.Groups().SelectMany(group => group.Keys))
        {
            var name = $"--{key.Name}";
            yield return key.Words is ["true", "false"] ? OptionKinds.Flag(name, key.Summary) : OptionKinds.Offering(name, key.Kind, key.Summary, key.Words);
        }

        foreach (var key in s_ownKeys)
        {
            yield return OptionKinds.Text($"--{key}", "TEXT", string.Empty);
        }
    }

    private static int Run(IReadOnlyList<string> words)
    {
        var read = TrainWords.Parse(words);
        List<Problem> problems = [.. read.Problems];
        var (launch, place) = RankVariables.Read(read.ValueOf, problems);

        using var status = new StatusLine();
        var arguments = ReadArguments(read, problems, launch.IsNeeded || place is { Rank: > 0 } ? _ => { } : status.Say);
        if (!launch.IsNeeded)
        {
            return Train(arguments, place, JsonOutput.Of(read.Json), words, status);
        }

        var code = RankLauncher.Run(["train", .. read.OfRank()], s_rankWords, launch, status);
        if (code == ExitCode.Stopped)
        {
            SayResuming(words, status);
        }

        return code;
    }

    private static int Train(TrainArguments arguments, RankPlace? place, JsonOutput json, IReadOnlyList<string> words, StatusLine status)
    {
        var isFirst = place is null or { Rank: 0 };
        var progress = new TrainProgress(status, arguments.LoggingSteps, isFirst);
        using var stop = new StopSignals(() => progress.Note(s_rankWords.Stopping));
        if (RankVariables.IsLaunchedHere)
        {
            stop.ListenToInput();
        }

        var isDone = Train(arguments, place, progress, stop.Token);
        if (!isFirst)
        {
            return isDone ? ExitCode.Done : ExitCode.Stopped;
        }

        if (!json.IsToStandardOutput)
        {
            Console.Out.WriteLine(Said(arguments, progress, isDone));
        }

        json.Write(Result(arguments, progress, isDone));
        if (isDone && arguments.TaskType == TaskType.Sft)
        {
            Console.Out.Flush();
            var model = ShellWords.Join(["--model", arguments.OutputDir!]);
            status.Say($"next: ./guanxi evaluate {model} --data ROWS, ./guanxi predict {model} ROWS or ./guanxi serve {model}");
        }

        if (!isDone && !RankVariables.IsLaunchedHere)
        {
            SayResuming(words, status);
        }

        return isDone ? ExitCode.Done : ExitCode.Stopped;
    }

    private static bool Train(TrainArguments arguments, RankPlace? place, TrainProgress progress, CancellationToken stop)
    {
        var patience = new RankPatience(TimeSpan.FromSeconds(arguments.DdpTimeout), TimeSpan.FromSeconds(arguments.RankTimeout));
        using var ranks = place is null ? RankGroup.Alone : RankGroup.Join(place, patience);
        return TrainingJob.Run(arguments, ranks, progress, TimeProvider.System, stop);
    }

    /// <summary>Reads the keys; whatever is wrong with words, environment or keys is told together.</summary>
    private static TrainArguments ReadArguments(TrainWords read, List<Problem> problems, Action<string> notes)
    {
        TrainArguments? arguments = null;
        try
        {
            arguments = TrainArgumentsReader.Read(read.File, read.RunKeys, s_ownKeys, notes);
        }
        catch (OptionsException error)
        {
            problems.AddRange(error.Problems);
        }

        return arguments is not null && problems.Count == 0 ? arguments : throw new OptionsException(problems);
    }

    private static void SayResuming(IReadOnlyList<string> words, StatusLine status)
    {
        status.Say("go on with:");
        status.Say("  " + Resuming(words));
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
        output.WriteLine("Several processes, each with rows of its own (data parallel): --nproc_per_node N starts N ranks on this machine; with --nnodes M,");
        output.WriteLine("--node_rank I, --master_addr HOST and --master_port PORT the same call on each of M machines. torchrun's variables make this process one rank.");
        output.WriteLine();
        output.WriteLine("A key without default takes the base model's or the published recipe's. --json FILE|- writes the result as JSON.");
        output.WriteLine();
    }
}
