using System.CommandLine;
using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Prompts;
using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Cli.Commands.Data;

/// <summary>The files that the parts of <c>data</c> read and write.</summary>
internal static class DataFiles
{
    /// <summary>The word for a form, or an encoding, that the file itself tells.</summary>
    public const string Auto = "auto";

    /// <summary>The files to read.</summary>
    public static Argument<string[]> Argument(string description) => new("FILE") { Description = description, Arity = ArgumentArity.OneOrMore };

    /// <summary>The question by which Firefly rows are made and taken apart.</summary>
    public static Option<string?> Prompt() =>
        OptionKinds.Text("--prompt_template", "TEXT|FILE", "Question of Firefly rows with {text}, {people1}, {people2} (default: the article's, over the labels of the data).");

    /// <summary>Reads the question.</summary>
    /// <param name="given">The option's value.</param>
    /// <param name="labels">What it lists.</param>
    /// <exception cref="OptionsException">It is no template.</exception>
    public static PromptTemplate Template(string? given, IEnumerable<string> labels)
    {
        string[] listed = [.. labels.Distinct().Order(CodePointOrder.Comparer)];
        return PromptTemplate.Parse(given is null ? PromptTemplate.Usual(listed) : PromptTemplate.ReadText(given), listed, "--prompt_template");
    }

    /// <summary>Refuses names that are no files: all at once.</summary>
    /// <exception cref="OptionsException">Some are not there.</exception>
    public static IReadOnlyList<string> Existing(IReadOnlyList<string> files, Command command)
    {
        string[] missing = [.. files.Where(file => !File.Exists(file))];
        string[] options = [.. missing.Where(file => file.StartsWith("--", StringComparison.Ordinal))];
        if (options.Length > 0)
        {
            // What follows such a word may be its value, so only the word itself is judged.
            throw new OptionsException([.. options.Select(word => Unknown(word, command))]);
        }

        return missing.Length == 0 ? files : throw new OptionsException(
            [.. missing.Select(file => new Problem(
                file.Length == 0 ? "FILE" : file, Directory.Exists(file) ? "this is a folder, not a file" : "there is no such file"))]);
    }

    /// <summary>Reads the option for the machine form.</summary>
    /// <exception cref="OptionsException">Its file cannot be written, or is one that is read.</exception>
    public static JsonOutput Json(string? target, IEnumerable<string> inputs)
    {
        var output = JsonOutput.Of(target);
        if (output.IsWanted && !output.IsToStandardOutput)
        {
            KeepInputs([target!], inputs);
        }

        return output;
    }

    /// <summary>Refuses to write over what is read.</summary>
    /// <exception cref="OptionsException">A file to write is one that is read.</exception>
    public static void KeepInputs(IEnumerable<string> outputs, IEnumerable<string> inputs)
    {
        var read = inputs.Select(RealPath).ToHashSet(StringComparer.Ordinal);
        if (outputs.FirstOrDefault(output => read.Contains(RealPath(output))) is { } same)
        {
            throw new OptionsException(new Problem(same, "this is the file that is read; it is never written over", "another name or folder"));
        }
    }

    /// <summary>The form of a file to write.</summary>
    /// <param name="name">Name of a form, or <see cref="Auto"/>.</param>
    /// <param name="file">The file, by whose name <see cref="Auto"/> goes.</param>
    /// <exception cref="OptionsException">The file's name tells none.</exception>
    public static DatasetFormat FormOf(string name, string file) => name != Auto
        ? DatasetWriter.FormOf(name)
        : DatasetWriter.FormOfFile(file) ?? throw new OptionsException(new Problem(
            file, "the form is not clear from the name", "a name that ends with .tsv, .csv, .jsonl, .xlsx or .txt, or --form", Path.GetExtension(file)));

    /// <summary>Writes a file whole or not at all, in a folder that is made when it is missing.</summary>
    /// <exception cref="CheckpointException">It cannot be written.</exception>
    public static void Write(string path, byte[] content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        AtomicFile.Write(path, stream => stream.Write(content));
    }

    private static Problem Unknown(string word, Command command)
    {
        var nearest = EditDistance.Nearest(word.Split('=')[0], command.Options.Select(option => option.Name));
        var hint = nearest is null ? $"guanxi data {command.Name} --help lists what there is." : $"Did you mean {nearest}?";
        return new Problem(word, "unknown option", Hint: hint);
    }

    private static string RealPath(string path)
    {
        if (path.Length == 0)
        {
            return path;
        }

        var folder = new DirectoryInfo(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var real = folder.Exists ? folder.ResolveLinkTarget(returnFinalTarget: true) ?? folder : folder;
        var at = Path.Combine(real.FullName, Path.GetFileName(path));
        return File.Exists(at) ? File.ResolveLinkTarget(at, returnFinalTarget: true)?.FullName ?? at : at;
    }
}
