namespace Guanxi.Transformers.Tokenization.SentencePieces;

/// <summary>What a SentencePiece tokenizer adds to a text, and which ids frame it.</summary>
/// <param name="AddBos">Whether <see cref="TokenizeOptions.AddSpecial"/> puts <paramref name="BosId"/> in front.</param>
/// <param name="AddEos">Whether <see cref="TokenizeOptions.AddSpecial"/> puts <paramref name="EosId"/> behind.</param>
/// <param name="BosId">Id that begins a sequence; null when there is none.</param>
/// <param name="EosId">Id that ends a sequence; null when there is none.</param>
/// <param name="PadId">Id that fills up a batch; null when there is none.</param>
public sealed record SentencePieceFrame(bool AddBos, bool AddEos, int? BosId, int? EosId, int? PadId)
{
    /// <summary>The frame a model file gives by itself: its own special pieces, the first of them put in front.</summary>
    /// <param name="model">The model.</param>
    /// <returns>The frame.</returns>
    public static SentencePieceFrame Of(SentencePieceModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var bos = model.Find(model.BosPiece);
        return new SentencePieceFrame(bos is not null, AddEos: false, bos, model.Find(model.EosPiece), model.Find(model.PadPiece));
    }
}

/// <summary>SentencePiece: BPE, as LLaMA, Baichuan and their descendants use it, or unigram, as T5 and ALBERT do.</summary>
/// <remarks>
/// Source: google/sentencepiece (bpe_model.cc, unigram_model.cc, sentencepiece_processor.cc); ids and decoded text are equal to its own.
/// </remarks>
public sealed class SentencePieceTokenizer : ITokenizer
{
    private readonly SentencePieceModel _model;
    private readonly SentencePieceVocabulary? _vocabulary;
    private readonly UnigramEncoder? _unigram;
    private readonly SentencePieceNormalizer? _normalizer;
    private readonly SentencePieceDecoder _decoder;
    private readonly SentencePieceFrame _frame;
    private readonly AddedTokenMatcher _special;

    /// <summary>Makes a tokenizer of a model.</summary>
    /// <param name="model">The vocabulary.</param>
    /// <param name="frame">What is put around a text; null for <see cref="SentencePieceFrame.Of"/>.</param>
    /// <exception cref="CheckpointException">The model does not hold together.</exception>
    public SentencePieceTokenizer(SentencePieceModel model, SentencePieceFrame? frame = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        model.Validate();
        _model = model;
        _frame = frame ?? SentencePieceFrame.Of(model);
        _normalizer = SentencePieceNormalizer.Of(model);
        _unigram = model.Kind == SentencePieceKind.Unigram ? new UnigramEncoder(model) : null;
        _vocabulary = _unigram is null ? new SentencePieceVocabulary(model) : null;
        _decoder = new SentencePieceDecoder(model);
        SpecialTokens = model.Pieces.Select((piece, id) => (piece, id))
            .Where(x => x.piece.Type is SentencePieceType.Control or SentencePieceType.Unknown)
            .ToDictionary(x => x.piece.Text, x => x.id, StringComparer.Ordinal);
        _special = new AddedTokenMatcher([.. SpecialTokens.Select(token => new AddedToken(token.Value, token.Key, IsSpecial: true))]);
    }

    /// <inheritdoc/>
    public int VocabularySize => _model.Pieces.Count;

    /// <inheritdoc/>
    public int? BosId => _frame.BosId;

    /// <inheritdoc/>
    public int? EosId => _frame.EosId;

    /// <inheritdoc/>
    public int? PadId => _frame.PadId;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <inheritdoc/>
    public string Fingerprint => _model.Fingerprint;

    /// <inheritdoc/>
    /// <remarks>
    /// A dummy prefix has no place in the text: a token of it alone has an empty range. The byte tokens of one character share its
    /// range. Special strings cut the text, and each part between them is encoded as a text of its own, dummy prefix included.
    /// </remarks>
    public TokenizedText Tokenize(string text, TokenizeOptions options)
    {
        ArgumentNullException.ThrowIfNull(text);
        var buffer = new TokenBuffer(text.Length, withOffsets: true);
        try
        {
            if (options.AddSpecial && _frame is { AddBos: true, BosId: { } bos })
            {
                buffer.Add(bos, 0, 0);
            }

            if (options.ParseSpecial)
            {
                EncodeParts(text, ref buffer);
            }
            else
            {
                EncodePart(text, ref buffer);
            }

            buffer.Origin = 0;
            if (options.AddSpecial && _frame is { AddEos: true, EosId: { } eos })
            {
                buffer.Add(eos, text.Length, text.Length);
            }

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
            EncodePart(text, ref buffer);
            return buffer.ToIds();
        }
        finally
        {
            buffer.Dispose();
        }
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids)
        {
            CheckId(id, nameof(ids));
        }

        return _decoder.Decode(ids);
    }

    /// <inheritdoc/>
    public string IdToToken(int id)
    {
        CheckId(id, nameof(id));
        return _model.Pieces[id].Text;
    }

    private void EncodeParts(string text, ref TokenBuffer buffer)
    {
        var position = 0;
        while (_special.TryFind(text, position, parseSpecial: true, out var match))
        {
            buffer.Origin = position;
            EncodePart(text.AsSpan(position, match.Start - position), ref buffer);
            buffer.Origin = 0;
            buffer.Add(match.Id, match.Start, match.End);
            position = match.End;
        }

        buffer.Origin = position;
        EncodePart(text.AsSpan(position), ref buffer);
    }

    private void EncodePart(ReadOnlySpan<char> text, ref TokenBuffer buffer)
    {
        var first = buffer.Count;
        var places = _normalizer?.Apply(text);
        text = places is null ? text : places.Text;
        if (_unigram is not null)
        {
            _unigram.Encode(text, ref buffer);
        }
        else
        {
            SentencePieceEncoder.Encode(_vocabulary!, text, _model.AddDummyPrefix, ref buffer);
        }

        if (places is not null)
        {
            buffer.MapOffsets(first, places);
        }
    }

    private void CheckId(int id, string parameter)
    {
        if ((uint)id >= (uint)_model.Pieces.Count)
        {
            throw new ArgumentOutOfRangeException(parameter, id, $"no id of this vocabulary, whose ids are 0 to {_model.Pieces.Count - 1}");
        }
    }
}
