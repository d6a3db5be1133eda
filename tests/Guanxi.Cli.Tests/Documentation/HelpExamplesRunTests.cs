using System.Diagnostics;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Documentation;

/// <summary>Every example under <c>--help</c> is pasted into a shell, in the order of the verbs: what one makes the next one takes.</summary>
[Collection(Programs.Name)]
public sealed class HelpExamplesRunTests : IDisposable
{
    // They wait for somebody, measure for minutes, need a network, another data set or another shell.
    private static readonly string[] s_notRun = ["./guanxi demo", "./guanxi bench", "./guanxi serve", "./guanxi data annotate", "./guanxi download", "recipes/", "http://", "zsh"];

    // A language model learns for two steps.
    private const string Launcher =
        """
        #!/usr/bin/env bash
        case "$*" in
            train*tfidf*) ;;
            train*) set -- "$@" --max_steps 2 --max_seq_length 400 ;;
        esac
        exec dotnet "$LIBRARY" "$@"
        """;

    private readonly TemporaryFolder _folder = new();

    public HelpExamplesRunTests()
    {
        foreach (var name in (string[])["assets", "examples", "recipes"])
        {
            Directory.CreateSymbolicLink(_folder[name], Path.Combine(Golden.RepositoryRoot, name));
        }

        Assert.True(SystemCommand.Succeeds("chmod", "+x", _folder.Add("guanxi", Launcher)));
        Directory.CreateDirectory(_folder["runs"]);
    }

    public void Dispose() => _folder.Dispose();

    [LongFact]
    public void Every_example_works_as_it_stands()
    {
        var verbs = CommandLine.Verbs.Select(verb => verb.Build()).SelectMany(verb => verb.Subcommands.OfType<VerbCommand>().Append(verb));
        string[] linear = [SampleCalls.TrainLinear, $"./guanxi evaluate --model {SampleCalls.LinearModel} --data {SampleCalls.TestFile} --report {SampleCalls.LinearModel}/report"];
        var lines = linear.Concat(verbs.SelectMany(verb => verb.Examples).Where(line => !s_notRun.Any(line.Contains))).Distinct();

        Assert.Equal("", string.Join("\n", lines.Select(Run).OfType<string>()));
    }

    /// <summary>What went wrong with a line; null when nothing did.</summary>
    private string? Run(string line)
    {
        var start = new ProcessStartInfo("bash", ["-c", line])
        {
            WorkingDirectory = _folder.FullPath, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["LIBRARY"] = Path.Combine(AppContext.BaseDirectory, "guanxi.dll");
        start.Environment["HOME"] = _folder.FullPath;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();

        // The check of data counts its findings in its exit code.
        var isDone = process.ExitCode == ExitCode.Done || (line.StartsWith("./guanxi data check", StringComparison.Ordinal) && process.ExitCode == ExitCode.Failed);
        return isDone ? null : $"{line}\n{output.Result}{error}";
    }
}
