using System.Globalization;
using Guanxi.Relations.Formats;

namespace Guanxi.Cli.Inspection;

/// <summary>One fact about a folder: for people a heading and lines, for programs a key and a value.</summary>
/// <param name="Heading">What people read before it; null when it is for programs alone.</param>
/// <param name="Text">What people read.</param>
/// <param name="Key">Its key in JSON; null when it is for people alone.</param>
/// <param name="Write">Writes its value.</param>
internal sealed record Fact(string? Heading, string Text, string? Key, Action<JsonLineWriter> Write)
{
    /// <summary>A text, or nothing known.</summary>
    public static Fact Of(string heading, string key, string? text) => new(text is null ? null : heading, text ?? string.Empty, key, json => json.Value(text));

    /// <summary>A whole number.</summary>
    public static Fact Of(string heading, string key, long number) =>
        new(heading, number.ToString("N0", CultureInfo.InvariantCulture), key, json => json.Value(number));
}

/// <summary>Facts about a folder, in order.</summary>
internal static class Facts
{
    /// <summary>Writes them for people.</summary>
    public static void Show(IReadOnlyList<Fact> facts, TextWriter output)
    {
        var width = facts.Max(fact => fact.Heading?.Length ?? 0) + 2;
        foreach (var fact in facts.Where(fact => fact.Heading is not null))
        {
            var lines = fact.Text.Split('\n');
            for (var i = 0; i < lines.Length; i++)
            {
                output.WriteLine((i == 0 ? fact.Heading! : string.Empty).PadRight(width) + lines[i]);
            }
        }
    }

    /// <summary>Writes them as one line of JSON.</summary>
    public static string ToJson(IEnumerable<Fact> facts)
    {
        var json = new JsonLineWriter().StartObject();
        foreach (var fact in facts.Where(fact => fact.Key is not null))
        {
            fact.Write(json.Name(fact.Key!));
        }

        return json.EndObject().ToString();
    }
}
