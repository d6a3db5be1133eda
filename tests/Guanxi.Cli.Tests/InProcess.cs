using System.Text;

namespace Guanxi.Cli.Tests;

/// <summary>
/// The program's command line in this process: what a verb answers is the same, and neither a runtime nor libtorch has to start for it.
/// Signals, standard input, other environments, bytes on the streams and training need a <see cref="ChildProgram"/>.
/// </summary>
internal static class InProcess
{
    private static readonly Lock s_console = new();

    // A text that the program could not write as UTF-8 must not pass here either.
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Runs a command line and takes what it writes.</summary>
    public static ProgramResult Run(params string[] words)
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
                var code = CommandLine.Run(words);
                return new ProgramResult(code, s_utf8.GetBytes(output.ToString()), error.ToString());
            }
            finally
            {
                Console.SetOut(before);
                Console.SetError(beforeError);
            }
        }
    }
}
