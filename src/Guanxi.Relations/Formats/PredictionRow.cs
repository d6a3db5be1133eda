namespace Guanxi.Relations.Formats;

/// <summary>One answer of <c>predict</c>.</summary>
/// <param name="Example">The row asked about; its label, if any, becomes <c>gold</c>.</param>
/// <param name="Label">The answer.</param>
/// <param name="Confidence">Probability of the answer; null when none was computed.</param>
/// <param name="Probabilities">Probability of every label, in their order; empty when none were computed.</param>
public sealed record PredictionRow(
    RelationExample Example, string Label, double? Confidence, IReadOnlyList<KeyValuePair<string, double>> Probabilities)
{
    /// <summary>The row that stands for one that could not be answered.</summary>
    /// <param name="row">Number of the row, from 1.</param>
    /// <param name="message">What is wrong with it.</param>
    /// <returns>One line of JSON.</returns>
    public static string ErrorJson(int row, string message) => new JsonLineWriter()
        .StartObject().Name("error").StartObject()
        .Name("row").Value(row)
        .Name("message").Value(message)
        .EndObject().EndObject().ToString();

    /// <summary>The answer as one line of JSON.</summary>
    /// <returns>An object with text, people1, people2, label, confidence, probabilities and, where it is known, gold.</returns>
    public string ToJson()
    {
        var json = new JsonLineWriter().StartObject()
            .Name("text").Value(Example.Text)
            .Name("people1").Value(Example.Person1)
            .Name("people2").Value(Example.Person2)
            .Name("label").Value(Label)
            .Name("confidence").Value(Confidence)
            .Name("probabilities").Object(Probabilities);
        if (Example.Label is not null)
        {
            json.Name("gold").Value(Example.Label);
        }

        return json.EndObject().ToString();
    }
}
