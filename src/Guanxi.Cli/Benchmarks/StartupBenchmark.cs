using System.Diagnostics;
using System.Text.Json.Nodes;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;

namespace Guanxi.Cli.Benchmarks;

/// <summary>Time from the start of a process to what a user waits for.</summary>
/// <param name="samples">Starts of each kind; the medians count.</param>
/// <param name="time">The clock.</param>
internal sealed class StartupBenchmark(int samples, TimeProvider time)
{
    private const string Ready = "ready";

    /// <summary>Starts the program several times.</summary>
    /// <returns>Names in snake_case, times in seconds.</returns>
    /// <exception cref="JobFailedException">A process ended otherwise than it should.</exception>
    public JsonObject Run()
    {
        var root = EmbeddedFiles.FindRoot();
        var folder = Directory.CreateTempSubdirectory("guanxi-bench-");
        try
        {
            // The base alone has no labels, those of the sample are as many as the published data has.
            var labels = Path.Combine(folder.FullName, "labels.txt");
            var rows = DatasetReader.Read(Path.Combine(root, EmbeddedFiles.TrainingRows), new DatasetReadOptions());
            File.WriteAllLines(labels, rows.Relations.Select(row => row.Label!).Distinct());
            string[] serve =
            [
                "serve", "--model", Path.Combine(root, EmbeddedFiles.Base), "--labels_file", labels, "--urls", "http://127.0.0.1:0",
            ];
            return new JsonObject
            {
                ["case"] = "startup",
                ["help_seconds"] = Median(() => ToEnd("--help")),
                ["serve_ready_seconds"] = Median(() => ToReady(serve)),
                ["selfcheck_seconds"] = ToEnd("selfcheck"),
                ["samples"] = samples,
            };
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // The first start, which reads the files from the disk, is slower than the others: the middle one is none of these.
    private double Median(Func<double> sample) => Enumerable.Range(0, samples).Select(_ => sample()).Order().ElementAt((samples - 1) / 2);

    private double ToEnd(params string[] words)
    {
        var start = time.GetTimestamp();
        using var process = Start(words);
        var reading = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var seconds = time.GetElapsedTime(start).TotalSeconds;
        return process.ExitCode == ExitCode.Done ? seconds : throw Failed(words, reading.Result);
    }

    private double ToReady(string[] words)
    {
        var start = time.GetTimestamp();
        using var process = Start(words);
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        var said = new List<string>();
        while (process.StandardError.ReadLine() is { } line)
        {
            if (line == Ready)
            {
                var seconds = time.GetElapsedTime(start).TotalSeconds;
                process.Kill();
                process.WaitForExit();
                return seconds;
            }

            said.Add(line);
        }

        throw Failed(words, string.Join('\n', said));
    }

    private static Process Start(string[] words)
    {
        var start = OwnProgram.StartAsUser(words);
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        return Process.Start(start)!;
    }

    private static JobFailedException Failed(string[] words, string said) =>
        new(new Problem($"guanxi {words[0]}", "it ended otherwise than it should", Found: said.Trim()));
}
