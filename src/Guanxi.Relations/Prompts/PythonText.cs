using System.Text;

namespace Guanxi.Relations.Prompts;

/// <summary>Writes values as Python prints them, because published prompts hold printed lists.</summary>
public static class PythonText
{
    /// <summary>A list of texts as Python's <c>str(list)</c>.</summary>
    /// <param name="items">The texts.</param>
    /// <returns>E.g. <c>['夫妻', '父母']</c>.</returns>
    public static string List(IEnumerable<string> items) => $"[{string.Join(", ", items.Select(Quoted))}]";

    // Python prefers single quotes and takes double ones only where the text holds a single and no double one.
    private static string Quoted(string text)
    {
        var quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        var result = new StringBuilder().Append(quote);
        foreach (var unit in text)
        {
            if (unit == quote || unit == '\\')
            {
                result.Append('\\');
            }

            result.Append(unit);
        }

        return result.Append(quote).ToString();
    }
}
