using Guanxi.Relations.Formats;

namespace Guanxi.Relations.Metrics;

/// <summary>Where a figure lies with a given confidence.</summary>
/// <param name="Metric">Name of the figure, e.g. <c>weighted_f1</c>.</param>
/// <param name="Level">Confidence, e.g. 0.95.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
/// <param name="Method">How it was computed, in words.</param>
public sealed record Interval(string Metric, double Level, double Low, double High, string Method)
{
    /// <summary>Writes it as an object.</summary>
    internal JsonLineWriter Write(JsonLineWriter json) => json
        .StartObject()
        .Name("metric").Value(Metric)
        .Name("level").Value(Level)
        .Name("low").Value(Low)
        .Name("high").Value(High)
        .Name("method").Value(Method)
        .EndObject();
}
