using System.CommandLine;
using Xunit;

namespace Guanxi.Cli.Tests.Documentation;

/// <summary>The examples under <c>--help</c>, of every verb and its parts.</summary>
public sealed class HelpExampleTests
{
    /// <summary>What the sample's own calls make.</summary>
    private static readonly string[] s_made = ["runs/", "models/"];

    public static TheoryData<string> Commands { get; } =
        [.. CommandLine.Verbs.SelectMany(verb => (string[])[verb.Name, .. verb.Build().Subcommands.Select(part => $"{verb.Name} {part.Name}")])];

    [Theory]
    [MemberData(nameof(Commands))]
    public void Help_ends_with_examples_that_can_be_called(string command)
    {
        var shown = InProcess.Run([.. command.Split(' '), "--help"]).Expect(ExitCode.Done);

        var examples = shown.Output[shown.Output.IndexOf("Examples:", StringComparison.Ordinal)..].Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..];
        var calls = examples.SelectMany(ShellCalls.Of).ToArray();
        Assert.Contains(calls, call => string.Join(' ', call).StartsWith(command, StringComparison.Ordinal));
        Assert.All(calls, call => Assert.Empty(CallCheck.Of(call)));
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void An_example_names_only_files_that_are_here_or_that_other_examples_make(string command)
    {
        var calls = Find(command).Examples.SelectMany(ShellCalls.Of);

        var named = calls.SelectMany(call => call).Select(word => word[(word.IndexOf('=', StringComparison.Ordinal) + 1)..])
            .Where(word => word.Contains('/', StringComparison.Ordinal) && !word.Contains("://", StringComparison.Ordinal));
        Assert.All(named, path => Assert.True(
            Path.Exists(Path.Combine(TestKit.Golden.RepositoryRoot, path)) || s_made.Any(folder => path.StartsWith(folder, StringComparison.Ordinal))
                || command == "download",
            path));
    }

    [Fact]
    public void The_overview_names_calls_that_can_be_made()
    {
        var calls = InProcess.Run().Output.Split('\n').SelectMany(ShellCalls.Of).ToArray();

        Assert.True(calls.Length >= 6, $"{calls.Length} calls");
        Assert.All(calls, call => Assert.Empty(CallCheck.Of(call)));
    }

    private static VerbCommand Find(string command)
    {
        var words = command.Split(' ');
        Command found = CommandLine.Verbs.Single(verb => verb.Name == words[0]).Build();
        return (VerbCommand)words.Skip(1).Aggregate(found, (outer, word) => outer.Subcommands.Single(part => part.Name == word));
    }
}
