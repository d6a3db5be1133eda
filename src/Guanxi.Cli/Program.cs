using Guanxi.Torch;

namespace Guanxi.Cli;

internal static class Program
{
    private static void Main(string[] words)
    {
        int code;
        using (new StandardStreams())
        {
            code = CommandLine.Run(words);
        }

        // A model that is still being loaded, or a pass that did not end in time, computes on.
        ProcessEnd.Now(code);
    }
}
