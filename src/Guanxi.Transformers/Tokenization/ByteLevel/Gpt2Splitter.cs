using Guanxi.Transformers.Tokenization.Unicode;

namespace Guanxi.Transformers.Tokenization.ByteLevel;

/// <summary>The words of GPT-2's pattern, found without a regular expression.</summary>
/// <remarks>Source: openai/gpt-2, src/encoder.py.</remarks>
internal sealed class Gpt2Splitter : SequentialSplitter
{
    /// <summary>The pattern that this class stands for.</summary>
    public const string Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <inheritdoc/>
    public override string Rule => Pattern;

    /// <inheritdoc/>
    protected override int End(ReadOnlySpan<char> text, int start)
    {
        if (text[start] == '\'' && Contraction(text[(start + 1)..]) is > 0 and var length)
        {
            return start + 1 + length;
        }

        var at = text[start] == ' ' && start + 1 < text.Length ? start + 1 : start;
        return CharacterKinds.At(text, at, out _) switch
        {
            CharacterKind.Letter => CharacterKinds.EndOfRun(text, at, CharacterKind.Letter),
            CharacterKind.Number => CharacterKinds.EndOfRun(text, at, CharacterKind.Number),
            CharacterKind.Other => CharacterKinds.EndOfRun(text, at, CharacterKind.Other),
            _ => EndOfSpaces(text, start),
        };
    }

    private static int Contraction(ReadOnlySpan<char> text) => text switch
    {
        ['s' or 't' or 'm' or 'd', ..] => 1,
        ['r' or 'v', 'e', ..] or ['l', 'l', ..] => 2,
        _ => 0,
    };
}
