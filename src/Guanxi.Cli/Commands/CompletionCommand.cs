using System.CommandLine;
using System.Reflection;
using Guanxi.Relations;
using Guanxi.Transformers;

namespace Guanxi.Cli.Commands;

/// <summary><c>completion</c>: what a shell needs to complete command lines.</summary>
internal static class CompletionCommand
{
    private const string Summary = "Prints a script with which bash or zsh complete verbs, options, their values and paths.";

    private static readonly string[] s_shells = ["bash", "zsh"];

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("completion", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("completion", Summary)
        {
            Examples = ["source <(./guanxi completion bash)", "source <(./guanxi completion zsh)", "./guanxi completion bash >> ~/.bashrc"],
        };
        var shell = OptionKinds.Choice("SHELL", "The shell: bash or zsh.", s_shells);
        command.Add(shell);
        command.SetAction(parsed =>
        {
            Console.Out.Write(Script(parsed.GetValue(shell)!));
            return ExitCode.Done;
        });
        return command;
    }

    private static string Script(string shell)
    {
        if (!s_shells.Contains(shell))
        {
            var nearest = EditDistance.Nearest(shell, s_shells);
            throw new OptionsException(new Problem(
                "completion", "there is no script for this shell", string.Join(" or ", s_shells), shell, nearest is null ? null : $"Did you mean {nearest}?"));
        }

        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"guanxi.{shell}")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
