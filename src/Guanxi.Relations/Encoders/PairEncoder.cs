using Guanxi.Transformers;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Relations.Encoders;

/// <summary>How a method writes a row.</summary>
/// <param name="Make">Makes the text.</param>
/// <param name="IsClosed">Whether [SEP] stands at the end.</param>
internal sealed record PairForm(Func<RelationExample, PairText> Make, bool IsClosed)
{
    /// <summary>R-BERT's: markers, and no [SEP].</summary>
    public static PairForm RBert { get; } = new(PairText.Marked, IsClosed: false);

    /// <summary>That of the classification of [CLS]: the same text, with [SEP].</summary>
    public static PairForm BertCls { get; } = new(PairText.Marked, IsClosed: true);

    /// <summary>That of the BiGRU: the names in front, and hidden in the sentence.</summary>
    public static PairForm BiGru { get; } = new(PairText.Masked, IsClosed: true);
}

/// <summary>Turns rows into tokens that are never too many: of a long sentence what is nearest to the two people stays.</summary>
internal sealed class PairEncoder
{
    private const string Start = "[CLS]";
    private const string End = "[SEP]";

    private readonly ITokenizer _tokenizer;
    private readonly PairForm _form;
    private readonly int _maxLength;
    private readonly int _start;
    private readonly int _end;

    /// <summary>Prepares the encoding.</summary>
    /// <param name="tokenizer">The encoder's tokenizer.</param>
    /// <param name="form">How rows are written.</param>
    /// <param name="maxLength">Most tokens of a row, [CLS] and [SEP] counted.</param>
    /// <exception cref="OptionsException">The tokenizer is not that of a BERT.</exception>
    public PairEncoder(ITokenizer tokenizer, PairForm form, int maxLength)
    {
        (_tokenizer, _form, _maxLength) = (tokenizer, form, maxLength);
        _start = Id(Start);
        _end = Id(End);

        int Id(string token) => tokenizer.SpecialTokens.TryGetValue(token, out var id) ? id : throw new OptionsException(new Problem(
            "tokenizer", $"it has no token {token}", "the vocabulary of a BERT"));
    }

    /// <summary>Encodes a row.</summary>
    /// <param name="example">The row; both names occur in its text.</param>
    /// <returns>Its tokens, with both mentions among them.</returns>
    public EncodedPair Encode(RelationExample example)
    {
        var text = _form.Make(example);
        var tokens = _tokenizer.Tokenize(text.Text, TokenizeOptions.Plain);
        var (first, second) = (Within(tokens, text.First), Within(tokens, text.Second));
        var head = tokens.Offsets.TakeWhile(offset => offset.Start < text.Head).Count();
        var room = _maxLength - (_form.IsClosed ? 2 : 1);
        var kept = Nearest(tokens.Ids.Length, [(0, head), first, second], room);
        int[] ids = _form.IsClosed ? [_start, .. kept.Select(at => tokens.Ids[at]), _end] : [_start, .. kept.Select(at => tokens.Ids[at])];
        return new EncodedPair(ids, new SpanPair(Moved(first, kept), Moved(second, kept)), kept.Length < tokens.Ids.Length);
    }

    /// <summary>Indices of the tokens that stay: those nearest to a span, and of the spans, where they alone are too long, what is nearest to their beginnings.</summary>
    private static int[] Nearest(int count, (int Start, int End)[] spans, int room) => count <= room
        ? [.. Enumerable.Range(0, count)]
        : [.. Enumerable.Range(0, count).OrderBy(at => spans.Min(span => Distance(at, span))).Take(room).Order()];

    /// <summary>Tokens to a span, from 1; inside it less, and the less the nearer to its beginning.</summary>
    private static double Distance(int at, (int Start, int End) span) => span.Start == span.End ? double.PositiveInfinity
        : at < span.Start ? span.Start - at
        : at >= span.End ? at - span.End + 1
        : (at - span.Start) / (double)(span.End - span.Start);

    private static (int Start, int End) Within(TokenizedText tokens, TextSpan span)
    {
        var start = tokens.Offsets.TakeWhile(offset => offset.Start < span.Start).Count();
        return (start, start + tokens.Offsets.Skip(start).TakeWhile(offset => offset.Start < span.End).Count());
    }

    /// <summary>A span among the tokens that stay, behind [CLS].</summary>
    private static (int Start, int End) Moved((int Start, int End) span, int[] kept)
    {
        var start = kept.TakeWhile(at => at < span.Start).Count();
        return (start + 1, start + 1 + kept.Skip(start).TakeWhile(at => at < span.End).Count());
    }
}
