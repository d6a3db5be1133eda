using Guanxi.Transformers.Tokenization;

namespace Guanxi.Relations.Tests;

/// <summary>A tokenizer of characters: as many ids as asked for, with or without special ones.</summary>
internal sealed class StubTokenizer(int vocabularySize, int? bos, int? eos) : ITokenizer
{
    public const string StopSpelling = "<end>";

    private const int FirstPlain = 3;

    public int VocabularySize => vocabularySize;

    public int? BosId => bos;

    public int? EosId => eos;

    public int? PadId => null;

    public IReadOnlyDictionary<string, int> SpecialTokens { get; } = new Dictionary<string, int>();

    public string Fingerprint { get; init; } = "00ff";

    public TokenizedText Tokenize(string text, TokenizeOptions options) => new(Encode(text), [.. text.Select((_, at) => (at, at + 1))]);

    public int[] Encode(string text) => [.. text.Select(unit => FirstPlain + (unit % (vocabularySize - FirstPlain)))];

    public string Decode(ReadOnlySpan<int> ids) => string.Concat(ids.ToArray().Select(id => (char)('a' + id)));

    public string IdToToken(int id) => id == eos ? StopSpelling : $"<{id}>";
}
