namespace Guanxi.Transformers.Tokenization;

/// <summary>The ids that a tokenizer puts around a text.</summary>
/// <param name="Prefix">Before the text.</param>
/// <param name="Suffix">Behind it.</param>
internal sealed record TokenFrame(int[] Prefix, int[] Suffix)
{
    /// <summary>Nothing.</summary>
    public static TokenFrame None { get; } = new([], []);

    /// <summary>Whether the ids behind a text have their place at its end, and not at 0 as those before it.</summary>
    public bool SuffixIsBehindText { get; init; }

    /// <summary>Appends ids that stand for no text.</summary>
    public static void Add(int[] ids, int place, ref TokenBuffer buffer)
    {
        foreach (var id in ids)
        {
            buffer.Add(id, place, place);
        }
    }
}
