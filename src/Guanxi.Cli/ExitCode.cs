namespace Guanxi.Cli;

/// <summary>What the process says of its end; the numbers are a contract with scripts.</summary>
internal static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>The job failed: memory, disk, divergence, a server that does not answer.</summary>
    public const int Failed = 1;

    /// <summary>The call or its input is wrong.</summary>
    public const int WrongCall = 2;

    /// <summary>Stopped by Ctrl-C or SIGTERM, after saving what there was to save.</summary>
    public const int Stopped = 130;
}
