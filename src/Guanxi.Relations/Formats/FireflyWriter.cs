using Guanxi.Relations.Prompts;
using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>Writes relation rows as Firefly's training data.</summary>
/// <remarks>
/// Source: the row layout of Firefly's SFT data, in Python's JSON spelling, so that files are equal to those made by the published
/// scripts.
/// </remarks>
public static class FireflyWriter
{
    private const string Category = "relation classification";

    /// <summary>Writes one row a line, each ended by a line feed; <c>conversation_id</c> counts from 1.</summary>
    /// <param name="writer">Where to; it stays open.</param>
    /// <param name="examples">Rows with labels.</param>
    /// <param name="template">Makes the question; the answer is the label.</param>
    /// <returns>Number of rows written.</returns>
    /// <exception cref="OptionsException">A row has no label.</exception>
    public static int Write(TextWriter writer, IEnumerable<RelationExample> examples, PromptTemplate template)
    {
        var count = 0;
        foreach (var example in examples)
        {
            var label = example.Label
                ?? throw new OptionsException(new Problem($"{example.Place}", "a row without label cannot become training data"));
            writer.Write(Line(++count, template.Render(example), label));
            writer.Write('\n');
        }

        return count;
    }

    private static string Line(int id, string human, string assistant) => new JsonLineWriter()
        .StartObject()
        .Name("conversation_id").Value(id)
        .Name("category").Value(Category)
        .Name("conversation").StartArray()
        .StartObject().Name("human").Value(human).Name("assistant").Value(assistant).EndObject()
        .EndArray()
        .EndObject()
        .ToString();
}
