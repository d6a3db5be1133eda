using System.Text;
using Guanxi.Transformers.Tokenization.Unicode;

namespace Guanxi.Transformers.Tokenization.ByteLevel;

/// <summary>Byte-level BPE, as GPT-2, Qwen, LLaMA 3 and their descendants use it.</summary>
/// <remarks>
/// Source: huggingface/tokenizers (models/bpe, pre_tokenizers/byte_level.rs); ids, places and text are equal to its own. Tokens that are parts
/// of one character share its range, which for a composed one is that of its first part.
/// </remarks>
public sealed class ByteLevelTokenizer : Tokenizer
{
    private readonly ByteLevelModel _model;
    private readonly ByteLevelEncoder _encoder;
    private readonly AddedTokenMatcher _normalizedTokens;
    private readonly byte[][] _bytes;
    private readonly HashSet<int> _special;

    internal ByteLevelTokenizer(ByteLevelModel model)
    {
        _model = model;
        _encoder = new ByteLevelEncoder(model);
        Added = new AddedTokenMatcher([.. model.Added.Where(token => !token.IsNormalized)]);
        _normalizedTokens = new AddedTokenMatcher([.. model.Added.Where(token => token.IsNormalized)
            .Select(token => token with { Text = Normalize(token.Text)?.Text ?? token.Text })
            .DistinctBy(token => token.Text, StringComparer.Ordinal)]);
        _bytes = [.. model.Tokens.Select(token => token is null ? [] : ByteAlphabet.Bytes(token))];
        SpecialTokens = AddedToken.Special(model.Added);
        _special = [.. SpecialTokens.Values];
    }

    /// <summary>The vocabulary and the rules.</summary>
    internal ByteLevelModel Model => _model;

    /// <inheritdoc/>
    public override int VocabularySize => _model.Tokens.Count;

    /// <inheritdoc/>
    public override int? BosId => _model.BosId;

    /// <inheritdoc/>
    public override int? EosId => _model.EosId;

    /// <inheritdoc/>
    public override int? PadId => _model.PadId;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <inheritdoc/>
    public override string Fingerprint => _model.Fingerprint;

    private protected override AddedTokenMatcher Added { get; }

    private protected override TokenFrame Frame => _model.Frame;

    /// <inheritdoc/>
    public override string Decode(ReadOnlySpan<int> ids) => Decode(ids, keepSpecial: false);

    /// <summary>Turns ids back into text, with or without control tokens.</summary>
    /// <param name="ids">Ids of this vocabulary.</param>
    /// <param name="keepSpecial">Whether control tokens are spelled out.</param>
    /// <returns>The text.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id is not of this vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool keepSpecial)
    {
        CheckIds(ids);
        var bytes = new List<byte>(ids.Length * 4);
        foreach (var id in ids)
        {
            if (keepSpecial || !_special.Contains(id))
            {
                bytes.AddRange(_bytes[id]);
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    private protected override string Spelling(int id) => _model.Tokens[id] ?? string.Empty;

    private protected override void WritePart(ReadOnlySpan<char> part, bool parseSpecial, ref TokenBuffer buffer)
    {
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
}
