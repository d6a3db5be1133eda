using Guanxi.Transformers.Models;

namespace Guanxi.Relations.Encoders;

/// <summary>A row as the tokens that an encoder reads.</summary>
/// <param name="Ids">Token ids with [CLS].</param>
/// <param name="Spans">Tokens of both mentions, their signs among them.</param>
/// <param name="IsCut">Whether a part of the sentence was left out.</param>
internal sealed record EncodedPair(int[] Ids, SpanPair Spans, bool IsCut);
