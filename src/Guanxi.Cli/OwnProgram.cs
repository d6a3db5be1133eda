using System.Diagnostics;

namespace Guanxi.Cli;

/// <summary>This program, started again as a process of its own.</summary>
internal static class OwnProgram
{
    /// <summary>Set by <c>./guanxi</c>: the file of the launcher.</summary>
    private const string LauncherVariable = "GUANXI_LAUNCHER";

    /// <summary>How to start it without the launcher, whose settings are inherited.</summary>
    /// <param name="words">Its words.</param>
    public static ProcessStartInfo Start(IEnumerable<string> words)
    {
        var program = Environment.ProcessPath!;

        // As a library of the dotnet host, the program is the host's first word.
        IEnumerable<string> self = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
        return new ProcessStartInfo(program, [.. self, .. words]);
    }

    /// <summary>How a user starts it: through the launcher where there is one.</summary>
    /// <param name="words">Its words.</param>
    public static ProcessStartInfo StartAsUser(IEnumerable<string> words) =>
        Environment.GetEnvironmentVariable(LauncherVariable) is { Length: > 0 } launcher && File.Exists(launcher)
            ? new ProcessStartInfo(launcher, words)
            : Start(words);
}
