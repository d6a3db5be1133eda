using Guanxi.Transformers.Tokenization.Unicode;

namespace Guanxi.Transformers.Tokenization.ByteLevel;

/// <summary>The words of the pattern that LLaMA 3, Qwen and their kind use, found without a regular expression.</summary>
/// <remarks>Source: cl100k_base of openai/tiktoken, as tokenizer.json files spell it; they differ in how many digits make a word.</remarks>
/// <param name="digits">Most digits of a word.</param>
internal sealed class TiktokenSplitter(int digits) : SequentialSplitter
{
    private const string Head = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|";
    private const string Tail = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private static readonly (string Digits, int Most)[] s_forms =
        [(@"\p{N}", 1), (@"\p{N}{1,2}", 2), (@"\p{N}{1,3}", 3), (@"\p{N}+", int.MaxValue)];

    /// <inheritdoc/>
    public override string Rule => $"{Head}{digits}{Tail}";

    /// <summary>The splitter of a pattern, or null when the pattern is another.</summary>
    public static TiktokenSplitter? Of(string pattern)
    {
        foreach (var (spelled, most) in s_forms)
        {
            if (pattern == Head + spelled + Tail)
            {
                return new TiktokenSplitter(most);
            }
        }

        return null;
    }

    /// <inheritdoc/>
    protected override int End(ReadOnlySpan<char> text, int start)
    {
        if (text[start] == '\'' && Contraction(text[(start + 1)..]) is > 0 and var contraction)
        {
            return start + 1 + contraction;
        }

        var kind = CharacterKinds.At(text, start, out var length);
        switch (kind)
        {
            case CharacterKind.Letter:
                return CharacterKinds.EndOfRun(text, start, CharacterKind.Letter);
            case CharacterKind.Number:
                return EndOfDigits(text, start);
        }

        var next = start + length < text.Length ? CharacterKinds.At(text, start + length, out _) : CharacterKind.Space;
        if (next == CharacterKind.Letter && (kind & CharacterKind.LineEnd) == 0)
        {
            return CharacterKinds.EndOfRun(text, start + length, CharacterKind.Letter);
        }

        if (kind == CharacterKind.Other || (text[start] == ' ' && next == CharacterKind.Other))
        {
            var end = CharacterKinds.EndOfRun(text, kind == CharacterKind.Other ? start : start + 1, CharacterKind.Other);
            return CharacterKinds.EndOfRun(text, end, CharacterKind.LineEnd);
        }

        var lastLine = text[start..CharacterKinds.EndOfRun(text, start, CharacterKind.Space)].LastIndexOfAny('\r', '\n');
        return lastLine >= 0 ? start + lastLine + 1 : EndOfSpaces(text, start);
    }

    private int EndOfDigits(ReadOnlySpan<char> text, int start)
    {
        var at = start;
        for (var count = 0; count < digits && at < text.Length; count++)
        {
            if (CharacterKinds.At(text, at, out var length) != CharacterKind.Number)
            {
                break;
            }

            at += length;
        }

        return at;
    }

    // U+017F is the long s, which case folding makes an s.
    private static int Contraction(ReadOnlySpan<char> text) => text switch
    {
        ['s' or 'S' or '\u017F' or 't' or 'T' or 'm' or 'M' or 'd' or 'D', ..] => 1,
        ['r' or 'R' or 'v' or 'V', 'e' or 'E', ..] or ['l' or 'L', 'l' or 'L', ..] => 2,
        _ => 0,
    };
}
