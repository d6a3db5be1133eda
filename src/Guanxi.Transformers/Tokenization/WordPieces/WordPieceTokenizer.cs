namespace Guanxi.Transformers.Tokenization.WordPieces;

/// <summary>WordPiece, as BERT and its descendants use it.</summary>
/// <remarks>
/// Source: huggingface/tokenizers (models/wordpiece, normalizers/bert.rs, pre_tokenizers/bert.rs); ids, places and text are equal to
/// its own. The range of a token spans the source of its characters and of those that vanish between them; [CLS] and [SEP] are at 0..0.
/// </remarks>
public sealed class WordPieceTokenizer : Tokenizer
{
    private readonly WordPieceModel _model;
    private readonly WordPieceEncoder _encoder;
    private readonly WordPieceDecoder _decoder;

    internal WordPieceTokenizer(WordPieceModel model)
    {
        _model = model;
        _encoder = new WordPieceEncoder(BertCharacters.Of(model.Normalization), new WordPieceVocabulary(model));
        _decoder = new WordPieceDecoder(model);
        Added = new AddedTokenMatcher(model.Added);
        SpecialTokens = AddedToken.Special(model.Added);
    }

    /// <inheritdoc/>
    public override int VocabularySize => _model.Tokens.Count;

    /// <inheritdoc/>
    /// <remarks>[CLS], as far as the folder has it.</remarks>
    public override int? BosId => _model.Frame.Prefix is [var first, ..] ? first : null;

    /// <inheritdoc/>
    /// <remarks>[SEP], as far as the folder has it.</remarks>
    public override int? EosId => _model.Frame.Suffix is [.., var last] ? last : null;

    /// <inheritdoc/>
    public override int? PadId => _model.PadId;

    /// <summary>Id of words that the vocabulary cannot say.</summary>
    public int UnknownId => _model.UnknownId;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <inheritdoc/>
    public override string Fingerprint => _model.Fingerprint;

    private protected override AddedTokenMatcher Added { get; }

    private protected override TokenFrame Frame => _model.Frame;

    /// <inheritdoc/>
    /// <remarks>Words are set apart by spaces: Chinese text does not come back as it was.</remarks>
    public override string Decode(ReadOnlySpan<int> ids) => Decode(ids, keepSpecial: false);

    /// <summary>Turns ids back into text, with or without [CLS], [SEP] and their kind.</summary>
    /// <param name="ids">Ids of this vocabulary.</param>
    /// <param name="keepSpecial">Whether special tokens are spelled out.</param>
    /// <returns>The words, set apart by spaces.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id is not of this vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool keepSpecial)
    {
        CheckIds(ids);
        return _decoder.Decode(ids, keepSpecial, _model.CleansText);
    }

    private protected override void WritePart(ReadOnlySpan<char> part, bool parseSpecial, ref TokenBuffer buffer) => _encoder.Encode(part, ref buffer);

    private protected override string Spelling(int id) => _model.Tokens[id] ?? string.Empty;
}
