namespace Guanxi.Transformers.Tokenization.WordPieces;

/// <summary>WordPiece, as BERT and its descendants use it.</summary>
/// <remarks>
/// Source: huggingface/tokenizers (models/wordpiece, normalizers/bert.rs, pre_tokenizers/bert.rs); ids, places and text are equal to
/// its own.
/// </remarks>
public sealed class WordPieceTokenizer : ITokenizer
{
    private readonly WordPieceModel _model;
    private readonly WordPieceEncoder _encoder;
    private readonly WordPieceDecoder _decoder;
    private readonly AddedTokenMatcher _added;
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);

    internal WordPieceTokenizer(WordPieceModel model)
    {
        _model = model;
        _encoder = new WordPieceEncoder(BertCharacters.Of(model.Normalization), new WordPieceVocabulary(model));
        _decoder = new WordPieceDecoder(model);
        _added = new AddedTokenMatcher(model.Added);
        SpecialTokens = AddedToken.Special(model.Added);
        for (var id = 0; id < model.Tokens.Count; id++)
        {
            if (model.Tokens[id] is { } token)
            {
                _ids.TryAdd(token, id);
            }
        }
    }

    /// <inheritdoc/>
    public int VocabularySize => _model.Tokens.Count;

    /// <inheritdoc/>
    /// <remarks>[CLS], as far as the folder has it.</remarks>
    public int? BosId => _model.Frame.Prefix is [var first, ..] ? first : null;

    /// <inheritdoc/>
    /// <remarks>[SEP], as far as the folder has it.</remarks>
    public int? EosId => _model.Frame.Suffix is [.., var last] ? last : null;

    /// <inheritdoc/>
    public int? PadId => _model.PadId;

    /// <summary>Id of words that the vocabulary cannot say.</summary>
    public int UnknownId => _model.UnknownId;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <inheritdoc/>
    public string Fingerprint => _model.Fingerprint;

    /// <inheritdoc/>
    /// <remarks>A range spans the source of its characters and of those that vanish between them. [CLS] and [SEP] are at 0..0.</remarks>
    public TokenizedText Tokenize(string text, TokenizeOptions options)
    {
        ArgumentNullException.ThrowIfNull(text);
        var buffer = new TokenBuffer(text.Length + 2, withOffsets: true);
        try
        {
            Encode(text, options, ref buffer);
            return new TokenizedText(buffer.ToIds(), buffer.ToOffsets());
        }
        finally
        {
            buffer.Dispose();
        }
    }

    /// <inheritdoc/>
    public int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var buffer = new TokenBuffer(text.Length, withOffsets: false);
        try
        {
            Encode(text, TokenizeOptions.Plain, ref buffer);
            return buffer.ToIds();
        }
        finally
        {
            buffer.Dispose();
        }
    }

    /// <inheritdoc/>
    /// <remarks>Words are set apart by spaces: Chinese text does not come back as it was.</remarks>
    public string Decode(ReadOnlySpan<int> ids) => Decode(ids, keepSpecial: false);

    /// <summary>Turns ids back into text, with or without [CLS], [SEP] and their kind.</summary>
    /// <param name="ids">Ids of this vocabulary.</param>
    /// <param name="keepSpecial">Whether special tokens are spelled out.</param>
    /// <returns>The words, set apart by spaces.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id is not of this vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool keepSpecial)
    {
        foreach (var id in ids)
        {
            CheckId(id, nameof(ids));
        }

        return _decoder.Decode(ids, keepSpecial, _model.CleansText);
    }

    /// <inheritdoc/>
    public string IdToToken(int id)
    {
        CheckId(id, nameof(id));
        return _model.Tokens[id] ?? string.Empty;
    }

    /// <summary>The id of a token by its spelling.</summary>
    /// <param name="token">The spelling, e.g. <c>[MASK]</c> or <c>##ing</c>.</param>
    /// <returns>The id, or null when there is none.</returns>
    public int? TokenToId(string token) => _ids.TryGetValue(token, out var id) ? id : null;

    private void Encode(string text, TokenizeOptions options, ref TokenBuffer buffer)
    {
        if (options.AddSpecial)
        {
            TokenFrame.Add(_model.Frame.Prefix, ref buffer);
        }

        var position = 0;
        while (_added.TryFind(text, position, options.ParseSpecial, out var match))
        {
            buffer.Origin = position;
            _encoder.Encode(text.AsSpan(position, match.Start - position), ref buffer);
            buffer.Origin = 0;
            buffer.Add(match.Id, match.Start, match.End);
            position = match.End;
        }

        buffer.Origin = position;
        _encoder.Encode(text.AsSpan(position), ref buffer);
        buffer.Origin = 0;
        if (options.AddSpecial)
        {
            TokenFrame.Add(_model.Frame.Suffix, ref buffer);
        }
    }

    private void CheckId(int id, string parameter)
    {
        if ((uint)id >= (uint)_model.Tokens.Count)
        {
            throw new ArgumentOutOfRangeException(parameter, id, $"no id of this vocabulary, whose ids are 0 to {_model.Tokens.Count - 1}");
        }
    }
}
