using System.Buffers;
using System.Globalization;
using System.Text;

namespace Guanxi.Transformers.Tokenization;

/// <summary>A place in a text where an added token stands.</summary>
/// <param name="Start">Where it begins, stripped white space included.</param>
/// <param name="End">Where it ends.</param>
/// <param name="Id">Its id.</param>
internal readonly record struct AddedTokenMatch(int Start, int End, int Id);

/// <summary>Finds added tokens in a text: the leftmost, of those that begin there the longest.</summary>
/// <remarks>
/// Source: added_vocabulary.rs of huggingface/tokenizers. As there, a token that may not count at its place (a special one that is not
/// asked for, a part of a word) hides others that begin inside it.
/// </remarks>
internal sealed class AddedTokenMatcher
{
    private readonly SearchValues<string> _any;
    private readonly int[] _lengths;
    private readonly Dictionary<string, AddedToken>.AlternateLookup<ReadOnlySpan<char>> _tokens;
    private readonly bool _hasPlain;

    /// <summary>Prepares the search.</summary>
    /// <param name="tokens">The tokens; none is empty and no two are spelled alike.</param>
    public AddedTokenMatcher(IReadOnlyCollection<AddedToken> tokens)
    {
        _any = SearchValues.Create([.. tokens.Select(token => token.Text)], StringComparison.Ordinal);
        _lengths = [.. tokens.Select(token => token.Text.Length).Distinct().OrderDescending()];
        _tokens = tokens.ToDictionary(token => token.Text, StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
        _hasPlain = tokens.Any(token => !token.IsSpecial);
    }

    /// <summary>Whether a search can find anything.</summary>
    /// <param name="parseSpecial">Whether special tokens count.</param>
    public bool CanMatch(bool parseSpecial) => _lengths.Length > 0 && (parseSpecial || _hasPlain);

    /// <summary>Finds the first token from a place on.</summary>
    /// <param name="text">The whole text.</param>
    /// <param name="from">Where to begin; nothing before it is stripped away.</param>
    /// <param name="parseSpecial">Whether special tokens count.</param>
    /// <param name="match">The token.</param>
    /// <returns>False when there is none.</returns>
    public bool TryFind(ReadOnlySpan<char> text, int from, bool parseSpecial, out AddedTokenMatch match)
    {
        match = default;
        if (!CanMatch(parseSpecial))
        {
            return false;
        }

        for (var at = from; text[at..].IndexOfAny(_any) is >= 0 and var distance;)
        {
            at += distance;
            var token = LongestAt(text, at);
            var end = at + token.Text.Length;
            if ((token.IsSpecial && !parseSpecial) || (token.IsWord && !IsAlone(text, at, end)))
            {
                at = end;
                continue;
            }

            var start = at;
            while (token.StripsLeft && start > from && char.IsWhiteSpace(text[start - 1]))
            {
                start--;
            }

            while (token.StripsRight && end < text.Length && char.IsWhiteSpace(text[end]))
            {
                end++;
            }

            match = new AddedTokenMatch(start, end, token.Id);
            return true;
        }

        return false;
    }

    private AddedToken LongestAt(ReadOnlySpan<char> text, int at)
    {
        foreach (var length in _lengths)
        {
            if (at + length <= text.Length && _tokens.TryGetValue(text.Slice(at, length), out var token))
            {
                return token;
            }
        }

        throw new InvalidOperationException("the search found a string that is no token");
    }

    private static bool IsAlone(ReadOnlySpan<char> text, int start, int end)
    {
        Rune.DecodeLastFromUtf16(text[..start], out var before, out _);
        Rune.DecodeFromUtf16(text[end..], out var after, out _);
        return (start == 0 || !IsWordPart(before)) && (end == text.Length || !IsWordPart(after));
    }

    private static bool IsWordPart(Rune rune) => Rune.IsLetterOrDigit(rune)
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.ConnectorPunctuation or UnicodeCategory.NonSpacingMark
            or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark or UnicodeCategory.LetterNumber;
}
