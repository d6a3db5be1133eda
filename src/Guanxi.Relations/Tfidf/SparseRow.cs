namespace Guanxi.Relations.Tfidf;

/// <summary>The features of a row that are not zero.</summary>
/// <param name="Indices">Which they are, ascending.</param>
/// <param name="Values">Their values, as many.</param>
internal sealed record SparseRow(int[] Indices, float[] Values);
