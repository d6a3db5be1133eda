namespace Guanxi.Relations.Reporting;

/// <summary>What a report says beside the figures.</summary>
public sealed record ReportContext
{
    /// <summary>What was evaluated or compared, for the heading.</summary>
    public required string Subject { get; init; }

    /// <summary>Model, data, versions: a name and a value each, in the order they are shown.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Facts { get; init; } = [];

    /// <summary>Losses over the steps of the training; empty when they are not known.</summary>
    public IReadOnlyList<ReportCurve> Losses { get; init; } = [];

    /// <summary>Scores over the steps of the training; empty when they are not known.</summary>
    public IReadOnlyList<ReportCurve> Scores { get; init; } = [];
}

/// <summary>A figure over the steps of a run.</summary>
/// <param name="Name">What the legend calls it.</param>
/// <param name="Points">Its points in the order of their steps.</param>
public sealed record ReportCurve(string Name, IReadOnlyList<CurvePoint> Points);

/// <summary>A point of a curve.</summary>
/// <param name="Step">The step.</param>
/// <param name="Value">The figure; what is not finite is left out.</param>
public readonly record struct CurvePoint(double Step, double Value);
