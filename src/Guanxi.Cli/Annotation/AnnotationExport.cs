using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Prompts;
using Guanxi.Transformers;

namespace Guanxi.Cli.Annotation;

/// <summary>The labelled rows as data.</summary>
internal static class AnnotationExport
{
    /// <summary>Makes the file.</summary>
    /// <param name="store">The rows.</param>
    /// <param name="form">Its form.</param>
    /// <returns>The file and what is not in it.</returns>
    /// <exception cref="OptionsException">No row has a label that the form can hold.</exception>
    public static EncodedRows Make(AnnotationStore store, DatasetFormat form)
    {
        RelationExample[] rows = [.. store.Labelled().Where(row => !row.Mark.IsSkipped).Select(row => row.Example with { Label = row.Mark.Label })];
        if (rows.Length == 0)
        {
            throw new OptionsException(new Problem("export", "no row has a label"));
        }

        string[] labels = [.. rows.Select(row => row.Label!).Distinct().Order(CodePointOrder.Comparer)];
        var file = DatasetWriter.Encode(rows, form, PromptTemplate.Parse(PromptTemplate.Usual(labels), labels, "the usual question"));
        return file.Count > 0 ? file : throw new OptionsException([.. file.LeftOut.Take(3).Select(row => new Problem($"{row.Place}", row.Why))]);
    }
}
