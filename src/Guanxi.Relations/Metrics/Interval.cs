namespace Guanxi.Relations.Metrics;

/// <summary>Where a figure lies with a given confidence.</summary>
/// <param name="Metric">Name of the figure, e.g. <c>weighted_f1</c>.</param>
/// <param name="Level">Confidence, e.g. 0.95.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
/// <param name="Method">How it was computed, in words.</param>
public sealed record Interval(string Metric, double Level, double Low, double High, string Method);
