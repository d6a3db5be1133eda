namespace Guanxi.Transformers.Tokenization;

/// <summary>What all tokenizers do alike: added tokens cut a text, its parts are encoded, and a frame is put around the ids.</summary>
public abstract class Tokenizer : ITokenizer
{
    private protected Tokenizer()
    {
    }

    /// <inheritdoc/>
    public abstract int VocabularySize { get; }

    /// <inheritdoc/>
    public abstract int? BosId { get; }

    /// <inheritdoc/>
    public abstract int? EosId { get; }

    /// <inheritdoc/>
    public abstract int? PadId { get; }

    /// <inheritdoc/>
    public abstract IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <inheritdoc/>
    public abstract string Fingerprint { get; }

    /// <summary>Tokens that are cut out of a text before its parts are encoded.</summary>
    private protected abstract AddedTokenMatcher Added { get; }

    /// <summary>What <see cref="TokenizeOptions.AddSpecial"/> puts around a text.</summary>
    private protected abstract TokenFrame Frame { get; }

    /// <inheritdoc/>
    public TokenizedText Tokenize(string text, TokenizeOptions options)
    {
        ArgumentNullException.ThrowIfNull(text);
        var buffer = new TokenBuffer(text.Length, withOffsets: true);
        try
        {
            Write(text, options, ref buffer);
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
            Write(text, TokenizeOptions.Plain, ref buffer);
            return buffer.ToIds();
        }
        finally
        {
            buffer.Dispose();
        }
    }

    /// <inheritdoc/>
    public abstract string Decode(ReadOnlySpan<int> ids);

    /// <inheritdoc/>
    public string IdToToken(int id)
    {
        CheckId(id, nameof(id));
        return Spelling(id);
    }

    /// <summary>Encodes a part of a text that holds no added token; places count from the part's beginning.</summary>
    private protected abstract void WritePart(ReadOnlySpan<char> part, bool parseSpecial, ref TokenBuffer buffer);

    /// <summary>The spelling of an id that is one.</summary>
    private protected abstract string Spelling(int id);

    /// <summary>Refuses ids that the vocabulary does not have.</summary>
    private protected void CheckIds(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids)
        {
            CheckId(id, nameof(ids));
        }
    }

    private void CheckId(int id, string parameter)
    {
        if ((uint)id >= (uint)VocabularySize)
        {
            throw new ArgumentOutOfRangeException(parameter, id, $"no id of this vocabulary, whose ids are 0 to {VocabularySize - 1}");
        }
    }

    private void Write(string text, TokenizeOptions options, ref TokenBuffer buffer)
    {
        if (options.AddSpecial)
        {
            TokenFrame.Add(Frame.Prefix, 0, ref buffer);
        }

        var position = 0;
        while (Added.TryFind(text, position, options.ParseSpecial, out var match))
        {
            buffer.Origin = position;
            WritePart(text.AsSpan(position, match.Start - position), options.ParseSpecial, ref buffer);
            buffer.Origin = 0;
            buffer.Add(match.Id, match.Start, match.End);
            position = match.End;
        }

        buffer.Origin = position;
        WritePart(text.AsSpan(position), options.ParseSpecial, ref buffer);
        buffer.Origin = 0;
        if (options.AddSpecial)
        {
            TokenFrame.Add(Frame.Suffix, Frame.SuffixIsBehindText ? text.Length : 0, ref buffer);
        }
    }
}
