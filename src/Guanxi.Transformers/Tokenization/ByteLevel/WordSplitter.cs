using Guanxi.Transformers.Tokenization.Unicode;

namespace Guanxi.Transformers.Tokenization.ByteLevel;

/// <summary>Cuts a text into words that are encoded each alone; no character is lost.</summary>
internal abstract class WordSplitter
{
    /// <summary>What it does, in words of its own: two splitters with the same rule cut alike.</summary>
    public abstract string Rule { get; }

    /// <summary>Cuts a text.</summary>
    /// <param name="text">The text; nothing beyond it is seen.</param>
    /// <param name="origin">Added to every place.</param>
    /// <param name="ends">Receives the end of every word, the last one's too.</param>
    public abstract void Split(ReadOnlySpan<char> text, int origin, List<int> ends);

    /// <summary>Cuts a text by several rules, each of which cuts the words of the one before.</summary>
    /// <param name="splitters">The rules.</param>
    /// <param name="text">The text.</param>
    /// <returns>The end of every word.</returns>
    public static List<int> SplitAll(WordSplitter[] splitters, ReadOnlySpan<char> text)
    {
        List<int> ends = [text.Length];
        foreach (var splitter in splitters)
        {
            var (finer, start) = (new List<int>((text.Length / 4) + 4), 0);
            foreach (var end in ends)
            {
                if (end > start)
                {
                    splitter.Split(text[start..end], start, finer);
                }

                start = end;
            }

            ends = finer;
        }

        return ends;
    }
}

/// <summary>A splitter that reads one word after the other.</summary>
internal abstract class SequentialSplitter : WordSplitter
{
    /// <inheritdoc/>
    public override void Split(ReadOnlySpan<char> text, int origin, List<int> ends)
    {
        for (var at = 0; at < text.Length;)
        {
            at = End(text, at);
            ends.Add(origin + at);
        }
    }

    /// <summary>Where the word that begins at a place ends.</summary>
    protected abstract int End(ReadOnlySpan<char> text, int start);

    /// <summary>The end of white space that begins at a place: the last one before a word belongs to that word.</summary>
    protected static int EndOfSpaces(ReadOnlySpan<char> text, int start)
    {
        var end = CharacterKinds.EndOfRun(text, start, CharacterKind.Space);
        return end == text.Length || end == start + 1 ? end : end - 1;
    }
}

/// <summary>Sets digits apart: one by one, or in runs.</summary>
/// <param name="isIndividual">Whether one by one.</param>
internal sealed class DigitSplitter(bool isIndividual) : SequentialSplitter
{
    /// <inheritdoc/>
    public override string Rule => isIndividual ? "single digits" : "runs of digits";

    /// <inheritdoc/>
    protected override int End(ReadOnlySpan<char> text, int start)
    {
        if ((CharacterKinds.At(text, start, out var length) & CharacterKind.Number) != 0)
        {
            return isIndividual ? start + length : CharacterKinds.EndOfRun(text, start, CharacterKind.Number);
        }

        var at = start + length;
        while (at < text.Length && (CharacterKinds.At(text, at, out length) & CharacterKind.Number) == 0)
        {
            at += length;
        }

        return at;
    }
}
