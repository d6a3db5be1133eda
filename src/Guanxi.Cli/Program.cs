namespace Guanxi.Cli;

internal static class Program
{
    private static int Main(string[] words)
    {
        using var streams = new StandardStreams();
        return CommandLine.Run(words);
    }
}
