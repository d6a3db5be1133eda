using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Training;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Cli;

/// <summary>Turns everything that can go wrong into one message on standard error and an exit code.</summary>
internal static class ErrorBoundary
{
    /// <summary>Names the stack of a fault in the program itself, for a report of it.</summary>
    private const string DebugVariable = "GUANXI_DEBUG";

    /// <summary>Runs a verb.</summary>
    /// <param name="name">What the message begins with, e.g. <c>guanxi train</c>.</param>
    /// <param name="action">The verb; gives the exit code.</param>
    /// <returns>The exit code.</returns>
    public static int Run(string name, Func<int> action)
    {
        try
        {
            var code = action();
            Console.Out.Flush();
            return code;
        }
        catch (Exception error)
        {
            // The last frame of the process: whatever comes here becomes words, never a stack trace.
            var cause = CauseOf(error);
            Try(Console.Out.Flush);
            Try(() => Tell(name, LinesOf(cause)));
            return CodeOf(cause);
        }
    }

    /// <summary>What lies behind a type that could not be prepared, e.g. a native library that is missing; any other error itself.</summary>
    public static Exception CauseOf(Exception error) => error is TypeInitializationException { InnerException: { } inner } ? inner : error;

    private static void Try(Action write)
    {
        try
        {
            write();
        }
        catch (IOException)
        {
            // Nobody can be told that nobody can be told.
        }
    }

    private static int CodeOf(Exception error) => error switch
    {
        CheckpointException { IsWriting: true } => ExitCode.Failed,
        OptionsException or CheckpointException => ExitCode.WrongCall,
        OperationCanceledException => ExitCode.Stopped,
        _ => ExitCode.Failed,
    };

    private static string[] LinesOf(Exception error) => error switch
    {
        OptionsException options => [.. options.Problems.Select(problem => problem.ToString())],
        CheckpointException checkpoint => [.. checkpoint.Problems.Select(problem => problem.ToString())],
        JobFailedException failed => [.. failed.Problems.Select(problem => problem.ToString())],
        TorchException { IsOutOfMemory: true } memory => [$"out of memory: {memory.Message}"],
        OutOfMemoryException => ["out of memory: there is not enough for this job; a smaller batch or a shorter max_seq_length takes less"],
        TorchException or TrainingDivergedException or RankLostException or IOException or UnauthorizedAccessException => [error.Message],
        OperationCanceledException => ["stopped"],
        _ => [Internal(error)],
    };

    private static string Internal(Exception error) => string.IsNullOrEmpty(Environment.GetEnvironmentVariable(DebugVariable))
        ? $"a fault of the program itself ({error.GetType().Name}: {error.Message}). {DebugVariable}=1 shows where; please report it with that"
        : error.ToString();

    private static void Tell(string name, string[] lines)
    {
        if (lines is [var only])
        {
            Console.Error.WriteLine($"{name}: {only}");
            return;
        }

        Console.Error.WriteLine($"{name}: {lines.Length} problems");
        foreach (var line in lines)
        {
            Console.Error.WriteLine($"  {line}");
        }
    }
}

/// <summary>A job failed after its call and input had been found right.</summary>
internal sealed class JobFailedException : Exception
{
    public JobFailedException(IReadOnlyList<Problem> problems, Exception? inner = null)
        : base(string.Join('\n', problems), inner) => Problems = problems;

    public JobFailedException(Problem problem, Exception? inner = null)
        : this([problem], inner)
    {
    }

    /// <summary>What failed.</summary>
    public IReadOnlyList<Problem> Problems { get; }
}
