using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Guanxi.Transformers;

namespace Guanxi.Cli.Benchmarks;

/// <summary>A call of <c>bench</c> in a process of its own: its memory is its own, and its failure nobody else's.</summary>
internal static class BenchmarkProcess
{
    // Every benchmark ends within half an hour by itself.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(45);

    /// <summary>Makes the call.</summary>
    /// <param name="words">The words behind <c>bench</c>.</param>
    /// <param name="progress">Told what it says while it runs.</param>
    /// <returns>The machine form of its result.</returns>
    /// <exception cref="JobFailedException">It failed.</exception>
    public static JsonObject Run(IReadOnlyList<string> words, Action<string> progress)
    {
        var start = OwnProgram.Start(["bench", .. words, "--json", "-"]);
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        using var process = Process.Start(start)!;
        string? last = null;
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is { } text)
            {
                last = text;
                progress(text);
            }
        };
        process.BeginErrorReadLine();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            throw Failed("it does not end", $"within {s_patience.TotalMinutes} minutes", last);
        }

        process.WaitForExit();
        return process.ExitCode == ExitCode.Done
            ? Result(output.Result)
            : throw Failed($"it ended with exit code {process.ExitCode}", null, last);
    }

    private static JsonObject Result(string output)
    {
        var line = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault() ?? string.Empty;
        try
        {
            return JsonNode.Parse(line) as JsonObject ?? throw Failed("its last line is no object", "JSON", line);
        }
        catch (JsonException)
        {
            throw Failed("its last line is no object", "JSON", line);
        }
    }

    private static JobFailedException Failed(string what, string? expected, string? found) => new(new Problem("bench", what, expected, found));
}
