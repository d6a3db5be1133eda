using System.Globalization;
using System.Text.Json.Nodes;
using Guanxi.Relations.Reporting;

namespace Guanxi.Cli.Benchmarks;

/// <summary>A measured figure.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">How much.</param>
/// <param name="Unit">Of what.</param>
/// <param name="PeakShare">The same as a share of the peak of that minute, where there is one.</param>
/// <param name="Goal">What it should be, where that was said.</param>
internal sealed record Figure(string Name, double Value, string Unit, double? PeakShare = null, Goal? Goal = null)
{
    private const double SmallestInThousands = 1000;

    /// <summary>Value and unit.</summary>
    public string ValueText => $"{(Math.Abs(Value) < SmallestInThousands ? Numbers.Short(Value) : Numbers.Count(Value))} {Unit}";

    /// <summary>The share for people; empty where there is none.</summary>
    public string ShareText => PeakShare is { } share ? Numbers.Percent(share) : string.Empty;

    /// <summary>The goal and whether it is met; empty where there is none.</summary>
    public string GoalText => Goal is null ? string.Empty : $"{Goal.Text}, {(Goal.IsMet ? "met" : "missed")}";

    /// <summary>The machine form.</summary>
    public JsonObject ToJson() => new()
    {
        ["name"] = Name,
        ["value"] = Value,
        ["unit"] = Unit,
        ["peak_share"] = PeakShare,
        ["goal"] = Goal?.Text,
        ["goal_met"] = Goal?.IsMet,
    };
}

/// <summary>What a figure should be.</summary>
/// <param name="Text">In words.</param>
/// <param name="IsMet">Whether it is.</param>
internal sealed record Goal(string Text, bool IsMet)
{
    /// <summary>Not less than a share of the peak.</summary>
    public static Goal OfPeak(double found, double least) => new($"{Numbers.WholePercent(least)} of the peak", found >= least);

    /// <summary>Not less than so much.</summary>
    public static Goal AtLeast(double found, double least, string unit) => new($"at least {Show(least)} {unit}", found >= least);

    /// <summary>Not more than so much.</summary>
    public static Goal AtMost(double found, double most, string unit) => new($"at most {Show(most)} {unit}", found <= most);

    private static string Show(double number) => number.ToString("0.##", CultureInfo.InvariantCulture);
}

/// <summary>One call of <c>bench</c> and the figures that its result holds.</summary>
/// <param name="Topic">What the figures are about.</param>
/// <param name="Words">The words behind <c>bench</c>.</param>
/// <param name="Read">Takes the figures from the result's machine form.</param>
internal sealed record Measurement(string Topic, IReadOnlyList<string> Words, Func<JsonObject, IEnumerable<Figure>> Read)
{
    /// <summary>The command that measures these figures alone.</summary>
    public string Command => $"./guanxi bench {string.Join(' ', Words)}";
}

/// <summary>What became of a measurement.</summary>
/// <param name="Measurement">The measurement.</param>
/// <param name="Figures">Its figures; none when it failed.</param>
/// <param name="Failure">Why it failed; null when it did not.</param>
internal sealed record Measured(Measurement Measurement, IReadOnlyList<Figure> Figures, string? Failure)
{
    /// <summary>The machine form of its figures, or of its failure.</summary>
    public IEnumerable<JsonObject> ToJson()
    {
        JsonObject[] items = Failure is null ? [.. Figures.Select(figure => figure.ToJson())] : [new JsonObject { ["failure"] = Failure }];
        foreach (var item in items)
        {
            item["topic"] = Measurement.Topic;
            item["command"] = Measurement.Command;
        }

        return items;
    }
}
