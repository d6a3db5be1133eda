using System.Text;

namespace Guanxi.Cli.Tests.Documentation;

/// <summary>Finds the calls of the program in a line that somebody could paste into a shell.</summary>
internal static class ShellCalls
{
    private const string Program = "./guanxi";

    /// <summary>The words behind the program's name, for every call in the line.</summary>
    public static IEnumerable<string[]> Of(string line)
    {
        foreach (var command in Commands(line))
        {
            var at = command.FindIndex(word => word == Program);
            if (at >= 0 && command.Take(at).All(word => word.Contains('=', StringComparison.Ordinal)))
            {
                yield return [.. command.Skip(at + 1)];
            }
        }
    }

    /// <summary>The words of each simple command; quotes are taken off, redirections and comments left out.</summary>
    private static IEnumerable<List<string>> Commands(string line)
    {
        var (command, word) = (new List<string>(), (StringBuilder?)null);
        var isTarget = false;
        for (var at = 0; at <= line.Length; at++)
        {
            var unit = at < line.Length ? line[at] : '\n';
            if (unit is '\'' or '"')
            {
                var end = line.IndexOf(unit, at + 1);
                (word ??= new StringBuilder()).Append(line, at + 1, (end < 0 ? line.Length : end) - at - 1);
                at = end < 0 ? line.Length : end;
                continue;
            }

            if (!" \n|;&<>()#".Contains(unit, StringComparison.Ordinal) || (unit == '#' && word is not null))
            {
                (word ??= new StringBuilder()).Append(unit);
                continue;
            }

            if (word is not null && !isTarget)
            {
                command.Add(word.ToString());
            }

            (isTarget, word) = (unit == '>' || (isTarget && word is null), null);
            if (unit == '#')
            {
                break;
            }

            if ("\n|;&<()".Contains(unit, StringComparison.Ordinal))
            {
                yield return command;
                command = [];
            }
        }

        yield return command;
    }
}
