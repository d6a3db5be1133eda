using Guanxi.Transformers.Tokenization.Unicode;

namespace Guanxi.Transformers.Tokenization.ByteLevel;

/// <summary>A byte-level BPE vocabulary and the settings that decide how text is cut with it.</summary>
internal sealed record ByteLevelModel
{
    /// <summary>SHA-256 of the files that define it.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>The tokens by id, added ones included; null where an id has none.</summary>
    public required IReadOnlyList<string?> Tokens { get; init; }

    /// <summary>Ids of the tokens that text may be made of: those of the vocabulary itself.</summary>
    public required IReadOnlyDictionary<string, int> Vocabulary { get; init; }

    /// <summary>The merges in their order, each two tokens and what they become.</summary>
    public required IReadOnlyList<(int Left, int Right, int Result)> Merges { get; init; }

    /// <summary>Tokens cut out before.</summary>
    public required IReadOnlyList<AddedToken> Added { get; init; }

    /// <summary>What is put around a text.</summary>
    public required TokenFrame Frame { get; init; }

    /// <summary>What is done to a text first, in order.</summary>
    public required UnicodeNormalizer[] Normalizers { get; init; }

    /// <summary>What cuts the text into words, in order.</summary>
    public required WordSplitter[] Splitters { get; init; }

    /// <summary>Whether a space is put before a text that begins with none.</summary>
    public bool AddsPrefixSpace { get; init; }

    /// <summary>Whether the place of a token leaves out the spaces at its ends.</summary>
    public bool TrimsOffsets { get; init; }

    /// <summary>Whether a word that is a token is not cut, whatever the merges say.</summary>
    public bool IgnoresMerges { get; init; }

    /// <summary>Id of a byte that the vocabulary does not have; null to leave it out.</summary>
    public int? UnknownId { get; init; }

    /// <summary>Id that begins a sequence, or null.</summary>
    public int? BosId { get; init; }

    /// <summary>Id that ends a sequence, or null.</summary>
    public int? EosId { get; init; }

    /// <summary>Id of the padding, or null.</summary>
    public int? PadId { get; init; }
}
