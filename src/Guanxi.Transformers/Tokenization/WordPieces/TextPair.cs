namespace Guanxi.Transformers.Tokenization.WordPieces;

/// <summary>Which of two texts is cut where both are too long together.</summary>
public enum PairTruncation
{
    /// <summary>None: the rows may be of any length.</summary>
    None,

    /// <summary>The longer one, down to the length of the other; then both.</summary>
    LongestFirst,

    /// <summary>The first.</summary>
    OnlyFirst,

    /// <summary>The second.</summary>
    OnlySecond,
}

/// <summary>One or two texts as an encoder reads them: [CLS] first [SEP] second [SEP].</summary>
/// <param name="Ids">Token ids.</param>
/// <param name="Types">0 for the first text with its frame, 1 for the second with its [SEP].</param>
/// <param name="Offsets">For every id the half-open range of UTF-16 units of its own text; a token of the frame is at 0..0.</param>
public sealed record TextPair(int[] Ids, int[] Types, (int Start, int End)[] Offsets)
{
    /// <summary>Frames texts that were encoded without their frame, and cuts them.</summary>
    /// <remarks>Source: huggingface/tokenizers, utils/truncation.rs, whose cut of two texts that are both too long gives the odd token to the longer.</remarks>
    internal static TextPair Make(TokenFrame frame, TokenizedText first, TokenizedText? second, PairTruncation truncation, int maxLength)
    {
        var around = frame.Prefix.Length + (frame.Suffix.Length * (second is null ? 1 : 2));
        var (one, two) = truncation == PairTruncation.None
            ? (first.Ids.Length, second?.Ids.Length ?? 0)
            : Lengths(first.Ids.Length, second?.Ids.Length ?? 0, truncation, maxLength - around);
        List<int> ids = [.. frame.Prefix, .. first.Ids[..one], .. frame.Suffix];
        List<(int, int)> offsets = [.. Nowhere(frame.Prefix), .. first.Offsets[..one], .. Nowhere(frame.Suffix)];
        var types = new List<int>(new int[ids.Count]);
        if (second is not null)
        {
            ids.AddRange([.. second.Ids[..two], .. frame.Suffix]);
            offsets.AddRange([.. second.Offsets[..two], .. Nowhere(frame.Suffix)]);
            types.AddRange(Enumerable.Repeat(1, two + frame.Suffix.Length));
        }

        return new TextPair([.. ids], [.. types], [.. offsets]);
    }

    private static (int First, int Second) Lengths(int first, int second, PairTruncation truncation, int room)
    {
        if (room < 0)
        {
            throw Short(room);
        }

        if (first + second <= room)
        {
            return (first, second);
        }

        switch (truncation)
        {
            case PairTruncation.OnlyFirst:
                return room >= second ? (room - second, second) : throw Short(room);
            case PairTruncation.OnlySecond:
                return room >= first ? (first, room - first) : throw Short(room);
            default:
                var shorter = Math.Min(first, second);
                var longer = shorter > room ? shorter : Math.Max(shorter, room - shorter);
                if (shorter + longer > room)
                {
                    (shorter, longer) = (room / 2, (room / 2) + (room % 2));
                }

                return first > second ? (longer, shorter) : (shorter, longer);
        }
    }

    private static OptionsException Short(int room) => new(new Problem(
        "max_length", "the texts cannot be cut so short", "room for the text that is not cut and for [CLS] and [SEP]", $"{room} tokens for both texts"));

    private static IEnumerable<(int Start, int End)> Nowhere(int[] ids) => ids.Select(_ => (0, 0));
}
