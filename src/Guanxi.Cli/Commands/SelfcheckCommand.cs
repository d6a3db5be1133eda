using Guanxi.Cli.Selfcheck;

namespace Guanxi.Cli.Commands;

/// <summary><c>selfcheck</c>: whether what the program needs is there and computes rightly.</summary>
internal static class SelfcheckCommand
{
    private const string Summary = "Checks the installation: libtorch, processor, a reference run, the embedded base, memory.";

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("selfcheck", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("selfcheck", Summary) { Examples = ["./guanxi selfcheck"] };
        command.SetAction(_ => Run(Console.Out));
        return command;
    }

    private static int Run(TextWriter output)
    {
        output.WriteLine($"guanxi {ProgramVersion.Number}, commit {ProgramVersion.Commit}");
        var problems = Checks.Run(Checks.All, output);
        return problems.Count == 0 ? ExitCode.Done : throw new JobFailedException(problems);
    }
}
