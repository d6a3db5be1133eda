using System.CommandLine;
using Guanxi.Transformers;

namespace Guanxi.Cli.Commands.Data;

/// <summary><c>data</c>: verbs of their own for looking at data, mending and cutting them.</summary>
internal static class DataCommand
{
    private const string Summary = "Counts, checks, splits, converts and labels data, and finds labels worth a second look.";

    /// <summary>What can be done, in the order of the help.</summary>
    private static readonly Verb[] s_parts =
    [
        DataStatsCommand.Verb,
        DataCheckCommand.Verb,
        DataSplitCommand.Verb,
        DataConvertCommand.Verb,
        DataNoiseCommand.Verb,
        DataAnnotateCommand.Verb,
    ];

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("data", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("data", Summary)
        {
            Examples =
            [
                $"./guanxi data stats {SampleCalls.TrainFile} {SampleCalls.TestFile}",
                $"./guanxi data check {SampleCalls.TrainFile} {SampleCalls.TestFile}",
                $"./guanxi data split {SampleCalls.TrainFile} --to runs/split",
            ],
        };
        foreach (var part in s_parts)
        {
            var made = part.Build();
            made.TreatUnmatchedTokensAsErrors = false;
            command.Add(made);
        }

        command.SetAction(Nothing);
        return command;
    }

    private static int Nothing(ParseResult parsed) => throw new OptionsException(new Problem(
        "data", "what to do is not said", string.Join(" | ", s_parts.Select(part => part.Name)), Hint: "guanxi data --help tells more."));
}
