using System.Reflection;
using Guanxi.Torch;

namespace Guanxi.Cli;

/// <summary>Version of program, source and library.</summary>
internal static class ProgramVersion
{
    private const char CommitMark = '+';

    // As many as git shows where space is short, and some more.
    private const int CommitDigits = 12;

    private static readonly string s_informational =
        typeof(ProgramVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>Version without the commit.</summary>
    public static string Number => s_informational.Split(CommitMark)[0];

    /// <summary>Commit of the source; <c>unknown</c> when it was built outside a repository.</summary>
    public static string Commit => s_informational.Split(CommitMark) is [_, var commit] ? commit : "unknown";

    /// <summary>The beginning of the commit, where space is short.</summary>
    public static string ShortCommit => Commit[..Math.Min(CommitDigits, Commit.Length)];

    /// <summary>Writes all three.</summary>
    public static void Show(TextWriter output)
    {
        output.WriteLine($"guanxi {Number}");
        output.WriteLine($"commit {Commit}");
        output.WriteLine($"libtorch {Libtorch()}");
    }

    private static string Libtorch()
    {
        try
        {
            return TorchRuntime.Version;
        }
        catch (TorchException error)
        {
            // Who asks for the version may well do so because the library does not load.
            return $"cannot be loaded: {error.Message}";
        }
    }
}
