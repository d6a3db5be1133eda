namespace Guanxi.Cli.Tests;

/// <summary>The program's command line in this process, for what needs no process of its own.</summary>
internal static class InProcess
{
    private static readonly Lock s_console = new();

    /// <summary>Runs a command line and takes what it writes.</summary>
    public static (int Code, string Output, string Error) Run(string[] words)
    {
        lock (s_console)
        {
            var (before, beforeError) = (Console.Out, Console.Error);
            using var output = new StringWriter();
            using var error = new StringWriter();
            Console.SetOut(output);
            Console.SetError(error);
            try
            {
                return (CommandLine.Run(words), output.ToString(), error.ToString());
            }
            finally
            {
                Console.SetOut(before);
                Console.SetError(beforeError);
            }
        }
    }
}
