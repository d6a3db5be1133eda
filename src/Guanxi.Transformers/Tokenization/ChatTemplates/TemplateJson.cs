using System.Globalization;
using System.Text;

namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>Writes JSON as Python does: a space after colons and commas, and no character escaped that need not be.</summary>
internal static class TemplateJson
{
    private const long WidestIndent = 16;

    /// <summary>Writes a value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="indent">Spaces of a level, when a number.</param>
    public static string Write(object? value, object? indent)
    {
        var text = new StringBuilder();
        var budget = new TemplateBudget();
        Write(value, new Layout(indent is long width ? (int)Math.Clamp(width, 0, WidestIndent) : null, 0), text, budget);
        return text.ToString();
    }

    private static void Write(object? value, Layout layout, StringBuilder text, TemplateBudget budget)
    {
        budget.Spend(value is string known ? known.Length : 1);
        switch (value)
        {
            case bool flag:
                text.Append(flag ? "true" : "false");
                break;
            case long number:
                text.Append(number.ToString(CultureInfo.InvariantCulture));
                break;
            case double number:
                text.Append(TemplateValue.Float(number));
                break;
            case string content:
                WriteString(content, text);
                break;
            case List<object?> list:
                WriteItems('[', ']', list, item => Write(item, layout.Inner, text, budget), layout, text);
                break;
            case TemplateMap map:
                WriteItems('{', '}', map.ToList(), item =>
                {
                    WriteString(item.Key, text);
                    text.Append(": ");
                    Write(item.Value, layout.Inner, text, budget);
                }, layout, text);
                break;
            default:
                text.Append("null");
                break;
        }
    }

    private static void WriteItems<T>(char open, char close, List<T> items, Action<T> write, Layout layout, StringBuilder text)
    {
        text.Append(open);
        for (var i = 0; i < items.Count; i++)
        {
            text.Append(i == 0 ? string.Empty : layout.Indent is null ? ", " : ",");
            NewLine(layout.Inner, text);
            write(items[i]);
        }

        if (items.Count > 0)
        {
            NewLine(layout, text);
        }

        text.Append(close);
    }

    private static void NewLine(Layout layout, StringBuilder text)
    {
        if (layout.Indent is { } width)
        {
            text.Append('\n').Append(' ', width * layout.Depth);
        }
    }

    private static void WriteString(string content, StringBuilder text)
    {
        text.Append('"');
        foreach (var unit in content)
        {
            text.Append(unit switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                < ' ' => $"\\u{(int)unit:x4}",
                _ => unit.ToString(),
            });
        }

        text.Append('"');
    }

    private readonly record struct Layout(int? Indent, int Depth)
    {
        public Layout Inner => this with { Depth = Depth + 1 };
    }
}
