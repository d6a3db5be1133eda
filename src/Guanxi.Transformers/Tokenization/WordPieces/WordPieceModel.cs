namespace Guanxi.Transformers.Tokenization.WordPieces;

/// <summary>A WordPiece vocabulary and the settings that decide how text is cut with it.</summary>
internal sealed record WordPieceModel
{
    /// <summary>SHA-256 of the files that define it.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>The words by id, added ones included; null where an id has none.</summary>
    public required IReadOnlyList<string?> Tokens { get; init; }

    /// <summary>Id of what is no word.</summary>
    public required int UnknownId { get; init; }

    /// <summary>What is done to a text first.</summary>
    public required BertNormalization Normalization { get; init; }

    /// <summary>Tokens cut out before.</summary>
    public required IReadOnlyList<AddedToken> Added { get; init; }

    /// <summary>What is put around a text.</summary>
    public required TokenFrame Frame { get; init; }

    /// <summary>Id of the padding, or null.</summary>
    public required int? PadId { get; init; }

    /// <summary>What marks a piece that continues a word.</summary>
    /// <value><c>##</c></value>
    public string Prefix { get; init; } = "##";

    /// <summary>Words of more characters are unknown.</summary>
    /// <value>100.</value>
    public int LongestWord { get; init; } = 100;

    /// <summary>Whether the decoder closes up punctuation piece by piece.</summary>
    /// <value>True.</value>
    public bool CleansPieces { get; init; } = true;

    /// <summary>Whether decoding closes up punctuation in the whole text.</summary>
    public bool CleansText { get; init; }
}
