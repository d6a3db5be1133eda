using Guanxi.Cli.Commands;

namespace Guanxi.Cli;

internal static class Program
{
    private static int Main(string[] arguments) => TrainCommand.Run(arguments[1..]);
}
