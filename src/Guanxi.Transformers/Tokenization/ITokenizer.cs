namespace Guanxi.Transformers.Tokenization;

/// <summary>Turns text into token ids and back. Implementations are immutable and safe to share between threads.</summary>
public interface ITokenizer
{
    /// <summary>Number of ids, special ones included.</summary>
    int VocabularySize { get; }

    /// <summary>Id that begins a sequence, or null when the vocabulary has none.</summary>
    int? BosId { get; }

    /// <summary>Id that ends a sequence, or null when the vocabulary has none.</summary>
    int? EosId { get; }

    /// <summary>Id that fills up a batch, or null when the vocabulary has none.</summary>
    int? PadId { get; }

    /// <summary>SHA-256 over the files that define the tokenizer, lower-case hexadecimal.</summary>
    string Fingerprint { get; }

    /// <summary>Ids of control tokens by their spelling; in text only <see cref="TokenizeOptions.ParseSpecial"/> finds them.</summary>
    IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <summary>Encodes text with the place of every token in it.</summary>
    /// <param name="text">Any text; what is not valid UTF-16 is read as U+FFFD.</param>
    /// <param name="options">Treatment of special strings and of added tokens.</param>
    /// <returns>Ids and offsets.</returns>
    TokenizedText Tokenize(string text, TokenizeOptions options);

    /// <summary>Encodes text as plain text: no string in it becomes a control token, nothing is added.</summary>
    /// <param name="text">Any text.</param>
    /// <returns>The ids.</returns>
    int[] Encode(string text);

    /// <summary>Turns ids back into text; control ids give nothing, broken UTF-8 gives U+FFFD.</summary>
    /// <param name="ids">Ids of this vocabulary.</param>
    /// <returns>The text.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id is not of this vocabulary.</exception>
    string Decode(ReadOnlySpan<int> ids);

    /// <summary>The vocabulary's own spelling of an id.</summary>
    /// <param name="id">An id of this vocabulary.</param>
    /// <returns>The piece, e.g. <c>▁the</c> or <c>&lt;0x0A&gt;</c>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The id is not of this vocabulary.</exception>
    string IdToToken(int id);
}

/// <summary>How <see cref="ITokenizer.Tokenize"/> treats special tokens.</summary>
/// <param name="ParseSpecial">True: strings such as <c>&lt;/s&gt;</c> in the text become their ids. Never set it for text from users.</param>
/// <param name="AddSpecial">True: add what the tokenizer puts around a text (<c>&lt;s&gt;</c>, [CLS], [SEP]).</param>
public readonly record struct TokenizeOptions(bool ParseSpecial, bool AddSpecial)
{
    /// <summary>Plain text, nothing added.</summary>
    public static TokenizeOptions Plain => default;
}

/// <summary>An encoded text.</summary>
/// <param name="Ids">Token ids.</param>
/// <param name="Offsets">For every id the half-open range of UTF-16 units it came from; an added token has an empty range.</param>
public sealed record TokenizedText(int[] Ids, (int Start, int End)[] Offsets);
