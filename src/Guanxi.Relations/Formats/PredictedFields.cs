using System.Text.Json;

namespace Guanxi.Relations.Formats;

/// <summary>What a prediction may say beside its label. Other systems write other things under these names: what has another form is left out.</summary>
internal static class PredictedFields
{
    // Probabilities that were rounded to four digits, fourteen of them, may miss 1 by this much.
    private const double SumTolerance = 1e-3;

    /// <summary>The row that was asked about; null where sentence or people are not given.</summary>
    public static RelationExample? Example(JsonRow row)
    {
        if (Text(row, RelationInput.TextField) is not { } text
            || Text(row, RelationInput.Person1Field) is not { } first || Text(row, RelationInput.Person2Field) is not { } second)
        {
            return null;
        }

        return new RelationInput(text, first, second).Build(row.Place, requireLabel: false, schema: null, faults: []);
    }

    /// <summary>Probability of the prediction.</summary>
    public static double? Confidence(JsonRow row) => row.Root.TryGetProperty("confidence", out var value) ? Probability(value) : null;

    /// <summary>Probability of every label; empty unless they are an object of numbers that sum to 1.</summary>
    public static IReadOnlyDictionary<string, double> Probabilities(JsonRow row)
    {
        var read = new Dictionary<string, double>(StringComparer.Ordinal);
        if (row.Root.TryGetProperty("probabilities", out var value) && value.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in value.EnumerateObject())
            {
                read[member.Name] = Probability(member.Value) ?? double.NaN;
            }
        }

        return Math.Abs(read.Values.Sum() - 1) <= SumTolerance ? read : new Dictionary<string, double>();
    }

    private static string? Text(JsonRow row, string field) =>
        row.Member(field) is { Value: { ValueKind: JsonValueKind.String } value } ? value.GetString() : null;

    private static double? Probability(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number is >= 0 and <= 1 ? number : null;
}
