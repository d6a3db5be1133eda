namespace Guanxi.Relations;

/// <summary>Spellings of one label that are in use for this task, whatever a data set's own spelling is.</summary>
public static class LabelAliases
{
    // U+FF01..U+FF5E repeat ASCII's ! to ~ in the width of an ideograph.
    private const int FullWidthOffset = 0xFF01 - '!';

    /// <summary>Groups of spellings with the same meaning; the first is the published data's own.</summary>
    public static IReadOnlyList<IReadOnlyList<string>> Groups { get; } = [["不知道", "不确定", "unknown"], ["同一个人", "同人"]];

    /// <summary>All spellings that mean the same as a given one.</summary>
    /// <param name="spelling">A label.</param>
    /// <returns>Its group, or the spelling alone.</returns>
    public static IReadOnlyList<string> GroupOf(string spelling) =>
        Groups.FirstOrDefault(group => group.Contains(spelling)) ?? [spelling];

    /// <summary>A spelling without what people vary unknowingly: outer white space, case, full-width ASCII.</summary>
    /// <param name="spelling">A label.</param>
    /// <returns>A key that is equal for spellings that look the same.</returns>
    public static string Fold(string spelling) => string.Concat(spelling.Trim().Select(FoldUnit));

    /// <summary>What a label means, however it is spelled.</summary>
    /// <param name="spelling">A label.</param>
    /// <returns>A key that is equal for all spellings of one label.</returns>
    internal static string Meaning(string spelling) => GroupOf(Fold(spelling))[0];

    private static char FoldUnit(char unit) =>
        char.ToLowerInvariant(unit is >= '\uFF01' and <= '\uFF5E' ? (char)(unit - FullWidthOffset) : unit);
}
