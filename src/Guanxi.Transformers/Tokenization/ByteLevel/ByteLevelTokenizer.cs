using System.Text;
using Guanxi.Transformers.Tokenization.Unicode;

namespace Guanxi.Transformers.Tokenization.ByteLevel;

/// <summary>Byte-level BPE, as GPT-2, Qwen, LLaMA 3 and their descendants use it.</summary>
/// <remarks>Source: huggingface/tokenizers (models/bpe, pre_tokenizers/byte_level.rs); ids, places and text are equal to its own.</remarks>
public sealed class ByteLevelTokenizer : ITokenizer
{
    private readonly ByteLevelModel _model;
    private readonly ByteLevelEncoder _encoder;
    private readonly AddedTokenMatcher _rawTokens;
    private readonly AddedTokenMatcher _normalizedTokens;
    private readonly byte[][] _bytes;
    private readonly HashSet<int> _special;

    internal ByteLevelTokenizer(ByteLevelModel model)
    {
        _model = model;
        _encoder = new ByteLevelEncoder(model);
        _rawTokens = new AddedTokenMatcher([.. model.Added.Where(token => !token.IsNormalized)]);
        _normalizedTokens = new AddedTokenMatcher([.. model.Added.Where(token => token.IsNormalized)
            .Select(token => token with { Text = Normalize(token.Text)?.Text ?? token.Text })
            .DistinctBy(token => token.Text, StringComparer.Ordinal)]);
        _bytes = [.. model.Tokens.Select(token => token is null ? [] : ByteAlphabet.Bytes(token))];
        SpecialTokens = AddedToken.Special(model.Added);
        _special = [.. SpecialTokens.Values];
    }

    /// <inheritdoc/>
    public int VocabularySize => _model.Tokens.Count;

    /// <inheritdoc/>
    public int? BosId => _model.BosId;

    /// <inheritdoc/>
    public int? EosId => _model.EosId;

    /// <inheritdoc/>
    public int? PadId => _model.PadId;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <inheritdoc/>
    public string Fingerprint => _model.Fingerprint;

    /// <inheritdoc/>
    /// <remarks>Tokens that are parts of one character share its range, which for a composed one is that of its first part.</remarks>
    public TokenizedText Tokenize(string text, TokenizeOptions options)
    {
        ArgumentNullException.ThrowIfNull(text);
        var buffer = new TokenBuffer(text.Length, withOffsets: true);
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
    public string Decode(ReadOnlySpan<int> ids) => Decode(ids, keepSpecial: false);

    /// <summary>Turns ids back into text, with or without control tokens.</summary>
    /// <param name="ids">Ids of this vocabulary.</param>
    /// <param name="keepSpecial">Whether control tokens are spelled out.</param>
    /// <returns>The text.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id is not of this vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool keepSpecial)
    {
        var bytes = new List<byte>(ids.Length * 4);
        foreach (var id in ids)
        {
            CheckId(id, nameof(ids));
            if (keepSpecial || !_special.Contains(id))
            {
                bytes.AddRange(_bytes[id]);
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    /// <inheritdoc/>
    public string IdToToken(int id)
    {
        CheckId(id, nameof(id));
        return _model.Tokens[id] ?? string.Empty;
    }

    private void Encode(string text, TokenizeOptions options, ref TokenBuffer buffer)
    {
        if (options.AddSpecial)
        {
            TokenFrame.Add(_model.Frame.Prefix, ref buffer);
        }

        var position = 0;
        while (_rawTokens.TryFind(text, position, options.ParseSpecial, out var match))
        {
            EncodePart(text.AsSpan(position, match.Start - position), position, options.ParseSpecial, ref buffer);
            buffer.Add(match.Id, match.Start, match.End);
            position = match.End;
        }

        EncodePart(text.AsSpan(position), position, options.ParseSpecial, ref buffer);
        if (options.AddSpecial)
        {
            TokenFrame.Add(_model.Frame.Suffix, ref buffer);
        }
    }

    private void EncodePart(ReadOnlySpan<char> part, int origin, bool parseSpecial, ref TokenBuffer buffer)
    {
        buffer.Origin = origin;
        var places = Normalize(part);
        var text = places is null ? part : places.Text;
        var position = 0;
        while (_normalizedTokens.TryFind(text, position, parseSpecial, out var match))
        {
            EncodeWords(text[position..match.Start], position, places, ref buffer);
            buffer.Add(match.Id, places?.StartOf(match.Start) ?? match.Start, places?.EndOf(match.End) ?? match.End);
            position = match.End;
        }

        EncodeWords(text[position..], position, places, ref buffer);
        buffer.Origin = 0;
    }

    private void EncodeWords(ReadOnlySpan<char> text, int position, AlignedText? places, ref TokenBuffer buffer)
    {
        if (text.IsEmpty)
        {
            return;
        }

        if (_model.AddsPrefixSpace && text[0] != ' ')
        {
            var prefixed = AlignedText.WithPrefix(' ', text, position);
            _encoder.Encode(prefixed.Text, 0, prefixed.After(places), ref buffer);
        }
        else
        {
            _encoder.Encode(text, position, places, ref buffer);
        }
    }

    private AlignedText? Normalize(ReadOnlySpan<char> text)
    {
        AlignedText? result = null;
        foreach (var normalizer in _model.Normalizers)
        {
            result = normalizer.Apply(result is null ? text : result.Text)?.After(result) ?? result;
        }

        return result;
    }

    private void CheckId(int id, string parameter)
    {
        if ((uint)id >= (uint)_model.Tokens.Count)
        {
            throw new ArgumentOutOfRangeException(parameter, id, $"no id of this vocabulary, whose ids are 0 to {_model.Tokens.Count - 1}");
        }
    }
}
