using System.Globalization;
using System.Text;

namespace Guanxi.Transformers.Tokenization.Unicode;

/// <summary>What pre-tokenizers ask about a character.</summary>
[Flags]
internal enum CharacterKind : byte
{
    /// <summary>None of these: punctuation, symbols, marks, controls.</summary>
    Other = 0,

    /// <summary>Unicode's category L.</summary>
    Letter = 1,

    /// <summary>Unicode's category N.</summary>
    Number = 2,

    /// <summary>Unicode's property White_Space.</summary>
    Space = 4,

    /// <summary>A carriage return or a line feed; it is a space too.</summary>
    LineEnd = 8,
}

/// <summary>The kind of every character, by table for those of one UTF-16 unit.</summary>
internal static class CharacterKinds
{
    private static readonly CharacterKind[] s_units = Enumerable.Range(0, char.MaxValue + 1).Select(Compute).ToArray();

    /// <summary>The kind of the character at a place.</summary>
    /// <param name="text">The text.</param>
    /// <param name="at">Where the character begins.</param>
    /// <param name="length">Its UTF-16 units.</param>
    /// <returns>The kind; half a surrogate pair is <see cref="CharacterKind.Other"/>.</returns>
    public static CharacterKind At(ReadOnlySpan<char> text, int at, out int length)
    {
        length = 1;
        if (!char.IsSurrogate(text[at]))
        {
            return s_units[text[at]];
        }

        if (at + 1 < text.Length && char.IsSurrogatePair(text[at], text[at + 1]))
        {
            length = 2;
            return Compute(char.ConvertToUtf32(text[at], text[at + 1]));
        }

        return CharacterKind.Other;
    }

    /// <summary>Where the run of characters of some kinds that begins at a place ends.</summary>
    /// <param name="text">The text.</param>
    /// <param name="at">Where to begin.</param>
    /// <param name="kinds">The kinds; <see cref="CharacterKind.Other"/> for characters of no kind.</param>
    public static int EndOfRun(ReadOnlySpan<char> text, int at, CharacterKind kinds)
    {
        while (at < text.Length)
        {
            var kind = At(text, at, out var length);
            if (kinds == CharacterKind.Other ? kind != CharacterKind.Other : (kind & kinds) == 0)
            {
                break;
            }

            at += length;
        }

        return at;
    }

    private static CharacterKind Compute(int rune) => rune is '\r' or '\n'
        ? CharacterKind.Space | CharacterKind.LineEnd
        : CharUnicodeInfo.GetUnicodeCategory(rune) switch
        {
            <= UnicodeCategory.OtherLetter => CharacterKind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharacterKind.Number,
            UnicodeCategory.Surrogate => CharacterKind.Other,
            _ => Rune.IsWhiteSpace(new Rune(rune)) ? CharacterKind.Space : CharacterKind.Other,
        };
}
