using System.Globalization;
using Guanxi.Relations;
using Guanxi.Relations.Formats;

namespace Guanxi.Cli.Server;

/// <summary>What all answers of a request have in common.</summary>
/// <param name="Schema">The labels.</param>
/// <param name="LabelsOnly">Whether probabilities are left out.</param>
/// <param name="Model">Name of the model.</param>
internal sealed record AnswerForm(RelationSchema Schema, bool LabelsOnly, string Model);

/// <summary>Writes predictions as the contract has them.</summary>
internal static class AnswerWriter
{
    // Of many labels one that has less than half of the probability is doubtful.
    private const double LowConfidence = 0.5;

    private const string Truncated = "truncated: the text is longer than the model reads; what is far from both names was left out";

    /// <summary>The answer of <c>/people_rel_cls</c>: what clients of the article know, and a word more only where a part of the text was not read.</summary>
    public static string One(RelationSchema schema, RelationPrediction prediction)
    {
        var json = new JsonLineWriter().StartObject().Name("result").Value(prediction.Label).Name("confidence").Value(prediction.Confidence);
        json.Name("probabilities").Object(schema.Labels.Zip(prediction.Probabilities, KeyValuePair.Create));
        if (prediction.IsTruncated)
        {
            json.Name("warnings").List([Truncated]);
        }

        return json.EndObject().ToString();
    }

    /// <summary>The answer of <c>/v1/classify</c>.</summary>
    public static string Many(AnswerForm form, IReadOnlyList<(RelationExample Row, RelationPrediction Prediction)> answers, TimeSpan duration)
    {
        var json = new JsonLineWriter().StartObject().Name("items").StartArray();
        foreach (var (row, prediction) in answers)
        {
            json.StartObject().Name("label").Value(prediction.Label);
            if (!form.LabelsOnly)
            {
                json.Name("confidence").Value(prediction.Confidence)
                    .Name("probabilities").Object(form.Schema.Labels.Zip(prediction.Probabilities, KeyValuePair.Create));
            }

            json.Name("warnings").List(Warnings(row, prediction)).EndObject();
        }

        return json.EndArray().Name("model").Value(form.Model).Name("milliseconds").Value(duration.TotalMilliseconds).EndObject().ToString();
    }

    /// <summary>The answer of <c>/v1/labels</c>.</summary>
    public static string Labels(RelationSchema schema)
    {
        var json = new JsonLineWriter().StartObject().Name("labels");
        json.List(schema.Labels).Name("aliases").StartObject();
        foreach (var (label, aliases) in schema.Aliases)
        {
            json.Name(label).List(aliases);
        }

        return json.EndObject().EndObject().ToString();
    }

    private static IEnumerable<string> Warnings(RelationExample row, RelationPrediction prediction)
    {
        foreach (var (field, name, span) in ((string, string, TextSpan?)[])[
            (RelationInput.Person1Field, row.Person1, row.Span1), (RelationInput.Person2Field, row.Person2, row.Span2)])
        {
            if (span is null && Mentions.All(row.Text, name).Count is > 1 and var mentions)
            {
                yield return $"ambiguous_mention: {field} stands {mentions} times in the text; {field}_span says which is meant";
            }
        }

        if (prediction.Confidence < LowConfidence)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"low_confidence: the best label has a probability of {prediction.Confidence:F2}");
        }

        if (prediction.IsTruncated)
        {
            yield return Truncated;
        }
    }
}
