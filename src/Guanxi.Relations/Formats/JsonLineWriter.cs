using System.Globalization;
using System.Text;

namespace Guanxi.Relations.Formats;

/// <summary>
/// Writes one line of JSON in the form of Python's <c>json.dumps(ensure_ascii=False)</c>: <c>", "</c> and <c>": "</c> between, text
/// as it is.
/// </summary>
/// <remarks>
/// System.Text.Json has no encoder that leaves every character alone. Deviation from Python: U+0085, U+2028 and U+2029 are escaped, because
/// many programs take them for the end of the line, and so are lone surrogates, which UTF-8 cannot carry.
/// </remarks>
public sealed class JsonLineWriter
{
    private readonly StringBuilder _line = new();
    private bool _needsComma;

    /// <summary>Begins an object.</summary>
    /// <returns>This writer.</returns>
    public JsonLineWriter StartObject() => Open('{');

    /// <summary>Ends the object begun last.</summary>
    /// <returns>This writer.</returns>
    public JsonLineWriter EndObject() => Close('}');

    /// <summary>Begins a list.</summary>
    /// <returns>This writer.</returns>
    public JsonLineWriter StartArray() => Open('[');

    /// <summary>Ends the list begun last.</summary>
    /// <returns>This writer.</returns>
    public JsonLineWriter EndArray() => Close(']');

    /// <summary>Writes the name of a member; its value comes next.</summary>
    /// <param name="name">The name.</param>
    /// <returns>This writer.</returns>
    public JsonLineWriter Name(string name)
    {
        Value(name);
        _line.Append(": ");
        _needsComma = false;
        return this;
    }

    /// <summary>Writes a text.</summary>
    /// <param name="value">The text; null is written as null.</param>
    /// <returns>This writer.</returns>
    public JsonLineWriter Value(string? value)
    {
        if (value is null)
        {
            return Raw("null");
        }

        Separate();
        _line.Append('"');
        for (var at = 0; at < value.Length; at++)
        {
            AppendEscaped(value, at);
        }

        _line.Append('"');
        return this;
    }

    /// <summary>Writes a whole number.</summary>
    /// <param name="value">The number.</param>
    /// <returns>This writer.</returns>
    public JsonLineWriter Value(long value) => Raw(value.ToString(CultureInfo.InvariantCulture));

    /// <summary>Writes a number with all the digits it needs to be read back as itself.</summary>
    /// <param name="value">The number; null and what JSON has no word for (NaN, infinity) are written as null.</param>
    /// <returns>This writer.</returns>
    public JsonLineWriter Value(double? value) =>
        Raw(value is { } number && double.IsFinite(number) ? number.ToString("R", CultureInfo.InvariantCulture) : "null");

    /// <summary>Writes true or false.</summary>
    /// <param name="value">The truth value.</param>
    /// <returns>This writer.</returns>
    public JsonLineWriter Value(bool value) => Raw(value ? "true" : "false");

    /// <summary>The line so far.</summary>
    /// <returns>JSON without a line end.</returns>
    public override string ToString() => _line.ToString();

    private JsonLineWriter Open(char bracket)
    {
        Separate();
        _line.Append(bracket);
        _needsComma = false;
        return this;
    }

    private JsonLineWriter Close(char bracket)
    {
        _line.Append(bracket);
        _needsComma = true;
        return this;
    }

    private JsonLineWriter Raw(string literal)
    {
        Separate();
        _line.Append(literal);
        return this;
    }

    private void Separate()
    {
        if (_needsComma)
        {
            _line.Append(", ");
        }

        _needsComma = true;
    }

    private void AppendEscaped(string value, int at)
    {
        var unit = value[at];
        var shortForm = unit switch
        {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\b' => "\\b",
            '\f' => "\\f",
            _ => null,
        };
        if (shortForm is not null)
        {
            _line.Append(shortForm);
        }
        else if (unit is < ' ' or '\u0085' or '\u2028' or '\u2029' || IsLoneSurrogate(value, at))
        {
            _line.Append("\\u").Append(((int)unit).ToString("x4", CultureInfo.InvariantCulture));
        }
        else
        {
            _line.Append(unit);
        }
    }

    private static bool IsLoneSurrogate(string value, int at) =>
        (char.IsHighSurrogate(value[at]) && !(at + 1 < value.Length && char.IsLowSurrogate(value[at + 1])))
        || (char.IsLowSurrogate(value[at]) && !(at > 0 && char.IsHighSurrogate(value[at - 1])));
}
