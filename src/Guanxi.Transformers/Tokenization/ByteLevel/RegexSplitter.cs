using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Guanxi.Transformers.Tokenization.ByteLevel;

/// <summary>The words of any other pattern: its matches, and what is between them.</summary>
/// <remarks>
/// The runtime's expressions see UTF-16 units where the reference sees characters. So a character of two units is replaced, for the search,
/// by one of one unit that has the same category; a pattern that names characters beyond U+FFFF is refused.
/// </remarks>
internal sealed class RegexSplitter : WordSplitter
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);

    // What means one thing to the reference's engine and another, or nothing, to the runtime's.
    private static readonly string[] s_foreign =
        ["&&", "[:", @"\h", @"\H", @"\R", @"\X", @"\K", @"\G", "++", "*+", "?+", @"\p{^", "(?>", "(?P"];

    // One unit of each category that has characters beyond U+FFFF, from scripts that no pattern names.
    private static readonly Dictionary<UnicodeCategory, char> s_substitutes = new()
    {
        [UnicodeCategory.UppercaseLetter] = 'Ꙁ',
        [UnicodeCategory.LowercaseLetter] = 'ꙁ',
        [UnicodeCategory.TitlecaseLetter] = 'ǅ',
        [UnicodeCategory.ModifierLetter] = 'ꙿ',
        [UnicodeCategory.OtherLetter] = 'ꀀ',
        [UnicodeCategory.NonSpacingMark] = '꙯',
        [UnicodeCategory.SpacingCombiningMark] = 'ꠣ',
        [UnicodeCategory.EnclosingMark] = '꙰',
        [UnicodeCategory.DecimalDigitNumber] = '꘠',
        [UnicodeCategory.LetterNumber] = 'ꛦ',
        [UnicodeCategory.OtherNumber] = '꠰',
        [UnicodeCategory.ConnectorPunctuation] = '⁀',
        [UnicodeCategory.DashPunctuation] = '⸗',
        [UnicodeCategory.OpenPunctuation] = '⸢',
        [UnicodeCategory.ClosePunctuation] = '⸣',
        [UnicodeCategory.InitialQuotePunctuation] = '⸂',
        [UnicodeCategory.FinalQuotePunctuation] = '⸃',
        [UnicodeCategory.OtherPunctuation] = '꙳',
        [UnicodeCategory.MathSymbol] = '⫯',
        [UnicodeCategory.CurrencySymbol] = '꠸',
        [UnicodeCategory.ModifierSymbol] = '꜀',
        [UnicodeCategory.OtherSymbol] = '꒐',
        [UnicodeCategory.Format] = '\u2063',
        [UnicodeCategory.PrivateUse] = '\uE000',
        [UnicodeCategory.OtherNotAssigned] = '\uFDD0',
    };

    private readonly Regex _regex;
    private readonly string _where;

    private RegexSplitter(Regex regex, string where) => (_regex, _where) = (regex, where);

    /// <summary>Makes a splitter, or says why the pattern is none.</summary>
    /// <param name="pattern">The expression.</param>
    /// <param name="where">File and key, for messages.</param>
    /// <param name="problems">Receives what is wrong.</param>
    /// <returns>The splitter, or null.</returns>
    public static RegexSplitter? Make(string pattern, string where, List<Problem> problems)
    {
        if (s_foreign.FirstOrDefault(construct => pattern.Contains(construct, StringComparison.Ordinal)) is { } foreign)
        {
            problems.Add(
                new Problem(where, "a construct of the regular expression is not supported", Found: $"'{foreign}' in '{pattern}'"));
            return null;
        }

        if (pattern.Any(char.IsSurrogate))
        {
            problems.Add(new Problem(where, "characters beyond U+FFFF are not supported in a regular expression", Found: $"'{pattern}'"));
            return null;
        }

        try
        {
            return new RegexSplitter(Compile(pattern), where);
        }
        catch (ArgumentException error)
        {
            problems.Add(new Problem(where, "the regular expression is not supported", Found: error.Message.TrimEnd('.')));
            return null;
        }
    }

    /// <inheritdoc/>
    public override string Rule => _regex.ToString();

    /// <inheritdoc/>
    public override void Split(ReadOnlySpan<char> text, int origin, List<int> ends)
    {
        if (text.IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
        {
            Search(text, default, origin, ends);
            return;
        }

        var (shadow, places) = (new StringBuilder(text.Length), new List<int>(text.Length));
        for (var at = 0; at < text.Length;)
        {
            Rune.DecodeFromUtf16(text[at..], out var rune, out var length);
            places.Add(at);
            shadow.Append(length == 1 ? (char)rune.Value : s_substitutes.GetValueOrDefault(Rune.GetUnicodeCategory(rune), '\uFFFD'));
            at += length;
        }

        places.Add(text.Length);
        Search(shadow.ToString(), places.ToArray(), origin, ends);
    }

    private static Regex Compile(string pattern)
    {
        const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.Multiline;
        try
        {
            return new Regex(pattern, Options | RegexOptions.NonBacktracking, s_limit);
        }
        catch (NotSupportedException)
        {
            // It looks around: only the engine that tries one way after the other can do that, and the time limit bounds it.
            return new Regex(pattern, Options, s_limit);
        }
    }

    private void Search(ReadOnlySpan<char> text, ReadOnlySpan<int> places, int origin, List<int> ends)
    {
        var last = 0;
        try
        {
            foreach (var match in _regex.EnumerateMatches(text))
            {
                if (match.Length > 0)
                {
                    AddEnd(match.Index, places, origin, ref last, ends);
                    AddEnd(match.Index + match.Length, places, origin, ref last, ends);
                }
            }
        }
        catch (RegexMatchTimeoutException error)
        {
            throw new CheckpointException(
                new Problem(
                    _where, $"the expression takes more than {s_limit.TotalSeconds} s on a text", Found: $"{text.Length} characters"),
                error);
        }

        AddEnd(text.Length, places, origin, ref last, ends);
    }

    private static void AddEnd(int end, ReadOnlySpan<int> places, int origin, ref int last, List<int> ends)
    {
        if (end > last)
        {
            last = end;
            ends.Add(origin + (places.IsEmpty ? end : places[end]));
        }
    }
}
