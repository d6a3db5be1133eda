using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Guanxi.Cli.Commands;
using Guanxi.Cli.Commands.Data;
using Guanxi.Cli.Completion;
using Guanxi.Relations;
using Guanxi.Transformers;

namespace Guanxi.Cli;

/// <summary>The program's verbs, and what becomes of a command line.</summary>
internal static class CommandLine
{
    private const string Summary =
        "Fine-tunes language models to tell the relation between the two people, or things, that a sentence names, evaluates them and asks them.";

    private static readonly ParserConfiguration s_parsing = new() { EnablePosixBundling = false, ResponseFileTokenReplacer = null };

    /// <summary>All verbs, in the order of the overview.</summary>
    public static IReadOnlyList<Verb> Verbs { get; } =
    [
        DemoCommand.Verb,
        TrainCommand.Verb,
        EvaluateCommand.Verb,
        CompareCommand.Verb,
        PredictCommand.Verb,
        ServeCommand.Verb,
        DataCommand.Verb,
        MergeCommand.Verb,
        QuantizeCommand.Verb,
        ExportCommand.Verb,
        InfoCommand.Verb,
        DownloadCommand.Verb,
        ScoreCommand.Verb,
        GenerateCommand.Verb,
        TokenizeCommand.Verb,
        BenchCommand.Verb,
        SelfcheckCommand.Verb,
        CompletionCommand.Verb,
    ];

    /// <summary>Runs a command line.</summary>
    /// <param name="words">The words after the program's name.</param>
    /// <returns>The exit code.</returns>
    public static int Run(string[] words)
    {
        var called = LineCompletion.LineOf(words) is { } line ? LineCompletion.VerbOf(line) : words.FirstOrDefault();
        var name = Verbs.Any(verb => verb.Name == called) ? $"guanxi {called}" : "guanxi";
        return ErrorBoundary.Run(name, () => Run(words, called));
    }

    /// <summary>What is wrong with a command line, as far as it can be told without running it.</summary>
    /// <param name="words">The words after the program's name.</param>
    /// <returns>Nothing when it can be run.</returns>
    public static IReadOnlyList<Problem> Check(string[] words) => Problems(Root(words.FirstOrDefault()).Parse(words, s_parsing));

    private static int Run(string[] words, string? called)
    {
        var root = Root(called);
        if (LineCompletion.LineOf(words) is { } line)
        {
            LineCompletion.Show(root, s_parsing, line, Console.Out);
            return ExitCode.Done;
        }

        var result = root.Parse(words, s_parsing);
        if (Problems(result) is { Count: > 0 } problems)
        {
            throw new OptionsException(problems);
        }

        return result.Invoke(new InvocationConfiguration { Output = Console.Out, Error = Console.Error, EnableDefaultExceptionHandler = false });
    }

    private static RootCommand Root(string? called)
    {
        var root = new RootCommand(Summary) { TreatUnmatchedTokensAsErrors = false };
        foreach (var verb in Verbs)
        {
            var command = verb.Name == called ? verb.Build() : new Command(verb.Name, verb.Summary);
            command.TreatUnmatchedTokensAsErrors = false;
            root.Add(command);
        }

        root.SetAction(_ => NextSteps.Show(Console.Out));
        foreach (var option in root.Options)
        {
            if (option is HelpOption { Action: HelpAction plain })
            {
                option.Action = new HelpWithExamples(plain);
            }
            else if (option is VersionOption)
            {
                option.Action = new VersionAction();
            }
        }

        return root;
    }

    /// <summary>All that the parser could not make sense of; who asks for help or version need not give what is required.</summary>
    private static List<Problem> Problems(ParseResult result)
    {
        var isQuestion = result.Action is HelpWithExamples or VersionAction;
        List<Problem> problems = isQuestion ? [] : [.. result.Errors.Select(error => Told(error.Message))];
        var command = result.CommandResult.Command;
        if (command is not VerbCommand { OwnOptions: not null })
        {
            var options = result.UnmatchedTokens.Where(word => word.StartsWith('-')).ToArray();
            problems.AddRange((options.Length > 0 ? options : [.. result.UnmatchedTokens.Take(1)]).Select(word => Unknown(word, command)));
        }

        return problems;
    }

    /// <summary>Our own parsers name the option first; the library's messages name it in the sentence.</summary>
    private static Problem Told(string message) => message.StartsWith('-') && message.Split(": ", 2) is [var option, var what]
        ? new Problem(option, what)
        : new Problem("command line", message.TrimEnd('.'));

    private static Problem Unknown(string word, Command command)
    {
        var isOption = word.StartsWith('-');
        var known = isOption ? command.Options.Select(option => option.Name) : command.Subcommands.Select(verb => verb.Name);
        var nearest = EditDistance.Nearest(word.Split('=')[0], known);
        var what = isOption ? "unknown option" : command is RootCommand ? "unknown verb" : "unexpected word";
        var path = command.Parents.OfType<VerbCommand>().Append(command).Where(part => part is not RootCommand);
        var verb = string.Concat(path.Select(part => $"{part.Name} "));
        return new Problem(word, what, Hint: nearest is null ? $"guanxi {verb}--help lists what there is." : $"Did you mean {nearest}?");
    }

    /// <summary>The usual help, with what belongs to the verb below it.</summary>
    private sealed class HelpWithExamples(HelpAction plain) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            // Left as it is for the parser, help would speak of additional arguments.
            var command = parseResult.CommandResult.Command;
            command.TreatUnmatchedTokensAsErrors = true;
            plain.Invoke(parseResult);
            if (command is VerbCommand verb)
            {
                var output = parseResult.InvocationConfiguration.Output;
                verb.MoreHelp?.Invoke(output);
                output.WriteLine("Examples:");
                foreach (var example in verb.Examples)
                {
                    output.WriteLine($"  {example}");
                }
            }

            return ExitCode.Done;
        }
    }

    private sealed class VersionAction : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            ProgramVersion.Show(parseResult.InvocationConfiguration.Output);
            return ExitCode.Done;
        }
    }
}
