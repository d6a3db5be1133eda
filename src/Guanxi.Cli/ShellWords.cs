using System.Buffers;

namespace Guanxi.Cli;

/// <summary>Command lines that can be copied into a shell.</summary>
internal static class ShellWords
{
    private static readonly SearchValues<char> s_plain =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:,+@%");

    /// <summary>Joins words, quoting those that a shell would take apart.</summary>
    public static string Join(IEnumerable<string> words) => string.Join(' ', words.Select(Quote));

    private static string Quote(string word) => word.Length > 0 && !word.AsSpan().ContainsAnyExcept(s_plain)
        ? word
        : "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'";
}
