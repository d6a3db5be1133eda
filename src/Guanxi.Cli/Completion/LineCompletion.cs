using System.CommandLine;
using System.CommandLine.Parsing;

namespace Guanxi.Cli.Completion;

/// <summary>What could come next in a line that is being typed: the parsing library's answer, in the form that the scripts of shells take.</summary>
internal static class LineCompletion
{
    /// <summary>The word that asks; the line up to the cursor follows it, as one word that begins with the program's name.</summary>
    private const string Directive = "[suggest]";

    /// <summary>The line of a call that asks; null for any other call.</summary>
    public static string? LineOf(string[] words) => words is [Directive, var line] ? line : null;

    /// <summary>The verb of a line; null while there is none.</summary>
    public static string? VerbOf(string line) => CommandLineParser.SplitCommandLine(line).ElementAtOrDefault(1);

    /// <summary>Writes the words that fit, one a line; none where the word is a path or a text of its own.</summary>
    public static void Show(RootCommand root, ParserConfiguration parsing, string line, TextWriter output)
    {
        foreach (var verb in root.Subcommands.OfType<VerbCommand>())
        {
            foreach (var option in verb.OwnOptions?.Invoke() ?? [])
            {
                verb.Add(option);
            }
        }

        line = Separated(line);
        var word = line[(line.LastIndexOf(' ') + 1)..];
        var result = root.Parse(line, parsing);

        // Of an option that may have several values, or none, the library would offer values even where another option begins.
        var isOption = word.StartsWith('-');
        var items = isOption ? result.CommandResult.Command.GetCompletions(result.GetCompletionContext()) : result.GetCompletions(line.Length);
        foreach (var label in items.Select(item => item.Label).Where(label => label.StartsWith(word, StringComparison.Ordinal) && IsSpelledOut(label, isOption)))
        {
            output.WriteLine(label);
        }
    }

    /// <summary>The line with the value of its last option behind a blank: the library completes no <c>--key=value</c>.</summary>
    private static string Separated(string line)
    {
        var (start, equals) = (line.LastIndexOf(' ') + 1, line.LastIndexOf('='));
        return equals > start && line.AsSpan(start).StartsWith("--") ? $"{line[..equals]} {line[(equals + 1)..]}" : line;
    }

    /// <summary>Short and foreign spellings of help are no help; options wait until somebody begins one.</summary>
    private static bool IsSpelledOut(string label, bool isOption) =>
        label.StartsWith("--", StringComparison.Ordinal) ? isOption : !label.StartsWith('-') && !label.StartsWith('/');
}
