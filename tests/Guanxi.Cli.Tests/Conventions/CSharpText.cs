namespace Guanxi.Cli.Tests.Conventions;

/// <summary>A C# or C++ source with comments, strings and characters blanked out, so that a word found in it is code. Lines keep their numbers.</summary>
internal static class CSharpText
{
    public static string Blank(string source)
    {
        var result = source.ToCharArray();
        var at = 0;
        while (at < source.Length)
        {
            var end = SkipLiteral(source, at);
            for (var i = at; i < end; i++)
            {
                if (result[i] is not ('\n' or '\r'))
                {
                    result[i] = ' ';
                }
            }

            at = Math.Max(end, at + 1);
        }

        return new string(result);
    }

    /// <summary>The line, from 1, on which a position lies.</summary>
    public static int LineOf(string text, int position) => text.AsSpan(0, position).Count('\n') + 1;

    // The end of the comment or literal that begins here, or the same place when none does.
    private static int SkipLiteral(string text, int at)
    {
        var rest = text.AsSpan(at);
        if (rest.StartsWith("//", StringComparison.Ordinal))
        {
            return IndexAfter(text, "\n", at) - (text.IndexOf('\n', at) < 0 ? 0 : 1);
        }

        if (rest.StartsWith("/*", StringComparison.Ordinal))
        {
            return IndexAfter(text, "*/", at + 2);
        }

        if (text[at] == '\'')
        {
            return SkipCharacter(text, at);
        }

        var prefix = 0;
        while (at + prefix < text.Length && text[at + prefix] is '$' or '@')
        {
            prefix++;
        }

        if (at + prefix >= text.Length || text[at + prefix] != '"')
        {
            return at;
        }

        return SkipString(text, at + prefix, rest[..prefix].Contains('$'), rest[..prefix].Contains('@'));
    }

    private static int SkipString(string text, int quote, bool interpolated, bool verbatim)
    {
        var quotes = 0;
        while (quote + quotes < text.Length && text[quote + quotes] == '"')
        {
            quotes++;
        }

        if (quotes >= 3)
        {
            return IndexAfter(text, new string('"', quotes), quote + quotes);
        }

        if (quotes == 2 && !(verbatim && quote + 2 < text.Length && text[quote + 2] == '"'))
        {
            return quote + 2;
        }

        var at = quote + 1;
        while (at < text.Length)
        {
            var pair = at + 1 < text.Length ? text[at + 1] : '\0';
            switch (text[at])
            {
                case '\\' when !verbatim:
                case '"' when verbatim && pair == '"':
                case '{' when interpolated && pair == '{':
                    at += 2;
                    break;
                case '"':
                    return at + 1;
                case '{' when interpolated:
                    at = SkipHole(text, at + 1);
                    break;
                default:
                    at++;
                    break;
            }
        }

        return text.Length;
    }

    private static int SkipHole(string text, int at)
    {
        var depth = 1;
        while (at < text.Length && depth > 0)
        {
            var end = SkipLiteral(text, at);
            if (end > at)
            {
                at = end;
                continue;
            }

            depth += text[at] == '{' ? 1 : text[at] == '}' ? -1 : 0;
            at++;
        }

        return at;
    }

    // A quote that is not closed within a few characters is no character literal: C++ separates digits with it.
    private static int SkipCharacter(string text, int at)
    {
        const int LongestEscape = 12;
        for (var i = at + 1; i < text.Length && i < at + LongestEscape; i++)
        {
            if (text[i] == '\\')
            {
                i++;
            }
            else if (text[i] == '\'')
            {
                return i + 1;
            }
        }

        return at;
    }

    private static int IndexAfter(string text, string end, int from)
    {
        var found = from < text.Length ? text.IndexOf(end, from, StringComparison.Ordinal) : -1;
        return found < 0 ? text.Length : found + end.Length;
    }
}
