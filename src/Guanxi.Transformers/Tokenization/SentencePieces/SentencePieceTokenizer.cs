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
/// A dummy prefix has no place in the text: a token of it alone has an empty range. The byte tokens of one character share its range. Special
/// strings cut the text, and each part between them is encoded as a text of its own, dummy prefix included.
/// </remarks>
public sealed class SentencePieceTokenizer : Tokenizer
{
    private readonly SentencePieceModel _model;
    private readonly SentencePieceVocabulary? _vocabulary;
    private readonly UnigramEncoder? _unigram;
    private readonly SentencePieceNormalizer? _normalizer;
    private readonly SentencePieceDecoder _decoder;
    private readonly SentencePieceFrame _frame;

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
        Frame = new TokenFrame(
            _frame is { AddBos: true, BosId: { } bos } ? [bos] : [], _frame is { AddEos: true, EosId: { } eos } ? [eos] : [])
        {
            SuffixIsBehindText = true,
        };
        _normalizer = SentencePieceNormalizer.Of(model);
        _unigram = model.Kind == SentencePieceKind.Unigram ? new UnigramEncoder(model) : null;
        _vocabulary = _unigram is null ? new SentencePieceVocabulary(model) : null;
        _decoder = new SentencePieceDecoder(model);
        SpecialTokens = model.Pieces.Select((piece, id) => (piece, id))
            .Where(x => x.piece.Type is SentencePieceType.Control or SentencePieceType.Unknown)
            .ToDictionary(x => x.piece.Text, x => x.id, StringComparer.Ordinal);
        Added = new AddedTokenMatcher([.. SpecialTokens.Select(token => new AddedToken(token.Value, token.Key, IsSpecial: true))]);
    }

    /// <summary>The vocabulary.</summary>
    internal SentencePieceModel Model => _model;

    /// <summary>What is put around a text.</summary>
    internal SentencePieceFrame FrameIds => _frame;

    /// <inheritdoc/>
    public override int VocabularySize => _model.Pieces.Count;

    /// <inheritdoc/>
    public override int? BosId => _frame.BosId;

    /// <inheritdoc/>
    public override int? EosId => _frame.EosId;

    /// <inheritdoc/>
    public override int? PadId => _frame.PadId;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <inheritdoc/>
    public override string Fingerprint => _model.Fingerprint;

    private protected override AddedTokenMatcher Added { get; }

    private protected override TokenFrame Frame { get; }

    /// <inheritdoc/>
    public override string Decode(ReadOnlySpan<int> ids)
    {
        CheckIds(ids);
        return _decoder.Decode(ids);
    }

    private protected override string Spelling(int id) => _model.Pieces[id].Text;

    private protected override void WritePart(ReadOnlySpan<char> part, bool parseSpecial, ref TokenBuffer buffer)
    {
        var first = buffer.Count;
        var places = _normalizer?.Apply(part);
        var text = places is null ? part : places.Text;
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
}
