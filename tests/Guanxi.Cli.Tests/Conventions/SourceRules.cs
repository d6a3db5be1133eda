using System.Text.RegularExpressions;

namespace Guanxi.Cli.Tests.Conventions;

/// <summary>What the house style forbids, as functions from a path and its text to complaints of the form <c>path:line: what</c>.</summary>
internal static partial class SourceRules
{
    private const int ReviewedLines = 400;
    private const int MostLines = 600;
    private const int MostMethodLines = 90;

    /// <summary>Files between 400 and 600 lines that were read and found to be one thing, with the reason.</summary>
    private static readonly Dictionary<string, string> s_reviewedLongFiles = [];

    /// <summary>Public classes that are meant to be derived from, by name.</summary>
    private static readonly HashSet<string> s_openTypes = [];

    public static IEnumerable<string> FileSize(string path, string text)
    {
        var lines = text.AsSpan().Count('\n');
        if (lines > MostLines)
        {
            yield return $"{path}: {lines} lines; {MostLines} is the most";
        }
        else if (lines > ReviewedLines && !s_reviewedLongFiles.ContainsKey(path))
        {
            yield return $"{path}: {lines} lines; from {ReviewedLines} on a file is split or entered in {nameof(s_reviewedLongFiles)} with a reason";
        }
    }

    public static IEnumerable<string> MethodSize(string path, string text) =>
        MethodLengths.Measure(CSharpText.Blank(text))
            .Where(member => member.Lines > MostMethodLines)
            .Select(member => $"{path}:{member.FirstLine}: {member.Name} has {member.Lines} lines; {MostMethodLines} is the most");

    public static IEnumerable<string> UnfinishedWork(string path, string text) => Matches(path, text, UnfinishedPattern(), "unfinished work");

    public static IEnumerable<string> BareException(string path, string text) =>
        Matches(path, CSharpText.Blank(text), BareExceptionPattern(), "an exception without a type of its own");

    public static IEnumerable<string> ProcessExit(string path, string text) =>
        Matches(path, CSharpText.Blank(text), ProcessExitPattern(), "ends the process: return an exit code");

    public static IEnumerable<string> LibraryConsole(string path, string text) =>
        IsProgram(path) ? [] : Matches(path, CSharpText.Blank(text), ConsolePattern(), "a library does not print");

    public static IEnumerable<string> LibraryClock(string path, string text) =>
        IsProgram(path) ? [] : Matches(path, CSharpText.Blank(text), ClockPattern(), "a library asks its TimeProvider for the time");

    public static IEnumerable<string> UnsafeCode(string path, string text) =>
        path.StartsWith("src/Guanxi.Torch/", StringComparison.Ordinal)
            ? []
            : Matches(path, path.EndsWith(".cs", StringComparison.Ordinal) ? CSharpText.Blank(text) : text, UnsafePattern(), "unsafe code belongs to Guanxi.Torch");

    public static IEnumerable<string> MachinePath(string path, string text) => Matches(path, text, MachinePathPattern(), "a path of one machine");

    /// <summary>Public classes and records that are neither sealed, static nor abstract in any of their parts.</summary>
    public static IEnumerable<string> OpenTypes(IEnumerable<(string Path, string Text)> sources)
    {
        var parts = sources
            .SelectMany(source => PublicTypePattern().Matches(CSharpText.Blank(source.Text)).Select(match => (source.Path, Match: match)))
            .GroupBy(part => part.Match.Groups["name"].Value);
        foreach (var type in parts.Where(type => !s_openTypes.Contains(type.Key)))
        {
            if (!type.Any(part => ClosedPattern().IsMatch(part.Match.Groups["modifiers"].Value)))
            {
                yield return $"{type.First().Path}: public type {type.Key} is not sealed, static or abstract";
            }
        }
    }

    /// <summary>References against the one direction Cli -> Relations -> Transformers -> Torch.</summary>
    public static IEnumerable<string> ProjectDirection(string path, string text)
    {
        string[] order = ["Guanxi.Torch", "Guanxi.Transformers", "Guanxi.Relations", "Guanxi.Cli"];
        var level = Array.IndexOf(order, Path.GetFileNameWithoutExtension(path));
        foreach (Match match in ProjectReferencePattern().Matches(text))
        {
            var target = Array.IndexOf(order, match.Groups["name"].Value);
            if (level < 0 || target < 0 || target >= level)
            {
                yield return $"{path}: refers to {match.Groups["name"].Value}; the direction is {string.Join(" <- ", order)}";
            }
        }
    }

    private static bool IsProgram(string path) => path.StartsWith("src/Guanxi.Cli/", StringComparison.Ordinal);

    private static IEnumerable<string> Matches(string path, string text, Regex pattern, string what) =>
        pattern.Matches(text).Select(match => $"{path}:{CSharpText.LineOf(text, match.Index)}: '{match.Value.Trim()}': {what}");

    [GeneratedRegex(@"\b(?:TODO|FIXME|HACK|XXX|NotImplementedException)\b")]
    private static partial Regex UnfinishedPattern();

    [GeneratedRegex(@"\bthrow\s+new\s+(?:System\.)?Exception\s*\(")]
    private static partial Regex BareExceptionPattern();

    [GeneratedRegex(@"\bEnvironment\s*\.\s*(?:Exit|FailFast)\b")]
    private static partial Regex ProcessExitPattern();

    [GeneratedRegex(@"\bConsole\s*\.\s*\w+")]
    private static partial Regex ConsolePattern();

    [GeneratedRegex(@"\bDateTime(?:Offset)?\s*\.\s*(?:Now|UtcNow|Today)\b")]
    private static partial Regex ClockPattern();

    [GeneratedRegex(@"\bunsafe\b|<AllowUnsafeBlocks>\s*true")]
    private static partial Regex UnsafePattern();

    // A slash after a letter or digit is the middle of an address or of a longer path.
    [GeneratedRegex(@"(?<![\w.~}>)-])/(?:work|home|root)/\w")]
    private static partial Regex MachinePathPattern();

    [GeneratedRegex(@"^[ \t]*public\s+(?<modifiers>(?:\w+\s+)*?)(?:class|record)\s+(?!struct\b|class\b)(?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex PublicTypePattern();

    [GeneratedRegex(@"\b(?:sealed|static|abstract)\b")]
    private static partial Regex ClosedPattern();

    [GeneratedRegex(@"<ProjectReference\s+Include=""(?:[^""]*[/\\])?(?<name>[\w.]+)\.csproj""")]
    private static partial Regex ProjectReferencePattern();
}
