using System.Globalization;
using System.Text;

namespace Guanxi.Cli.Server;

/// <summary>Writes Prometheus's text format, version 0.0.4.</summary>
internal sealed class PrometheusText
{
    /// <summary>Its content type.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly StringBuilder _text = new();

    /// <summary>A number as the format has it.</summary>
    public static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>Begins a family of samples.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="kind">counter, gauge or histogram.</param>
    /// <param name="help">What it counts, in one line.</param>
    public PrometheusText Family(string name, string kind, string help)
    {
        _text.Append("# HELP ").Append(name).Append(' ').Append(help).Append('\n');
        _text.Append("# TYPE ").Append(name).Append(' ').Append(kind).Append('\n');
        return this;
    }

    /// <summary>Writes a sample of the family begun last.</summary>
    public PrometheusText Sample(string name, double value, params (string Name, string Value)[] labels)
    {
        _text.Append(name);
        if (labels.Length > 0)
        {
            _text.Append('{').AppendJoin(',', labels.Select(label => $"{label.Name}=\"{Escaped(label.Value)}\"")).Append('}');
        }

        _text.Append(' ').Append(Number(value)).Append('\n');
        return this;
    }

    /// <summary>A family of one sample.</summary>
    public PrometheusText Single(string name, string kind, string help, double value) => Family(name, kind, help).Sample(name, value);

    public override string ToString() => _text.ToString();

    private static string Escaped(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
