using System.CommandLine;
using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Cli;

/// <summary>The option <c>--json</c>: the machine form of a verb's result, in a file or as the last line of standard output.</summary>
internal sealed class JsonOutput
{
    private const string Name = "--json";
    private const string StandardOutput = "-";

    private readonly string? _target;

    private JsonOutput(string? target) => _target = target;

    /// <summary>Whether the result is wanted in machine form.</summary>
    public bool IsWanted => _target is not null;

    /// <summary>Whether it goes to standard output.</summary>
    public bool IsToStandardOutput => _target == StandardOutput;

    /// <summary>Makes the option.</summary>
    public static Option<string?> Option() =>
        OptionKinds.Text(Name, "FILE|-", "Write the result as JSON to a file, or as the last line of standard output.");

    /// <summary>Reads the option, before the work begins whose result would be lost.</summary>
    /// <param name="target">Its value.</param>
    /// <exception cref="OptionsException">The file cannot be written.</exception>
    public static JsonOutput Of(string? target)
    {
        if (target is not null and not StandardOutput)
        {
            OutputPath.Require(Name, target, "a file in a folder that may be written, or -");
        }

        return new JsonOutput(target);
    }

    /// <summary>Writes the result if it is wanted.</summary>
    /// <param name="json">One line.</param>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void Write(string json)
    {
        if (IsToStandardOutput)
        {
            Console.Out.WriteLine(json);
        }
        else if (_target is not null)
        {
            WriteFile(_target, json + "\n");
        }
    }

    private static void WriteFile(string path, string text)
    {
        if (OutputPath.IsDevice(path))
        {
            // A device is written to, never replaced.
            File.WriteAllText(path, text);
        }
        else
        {
            AtomicFile.WriteText(path, text);
        }
    }
}
