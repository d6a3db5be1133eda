using System.Text;

namespace Guanxi.Transformers;

/// <summary>One thing that is wrong with an input, said so that its owner can mend it.</summary>
/// <param name="Where">File, line, column, key or option at fault.</param>
/// <param name="What">What is wrong, in one sentence without the place.</param>
/// <param name="Expected">What would have been right; null when <paramref name="What"/> says it.</param>
/// <param name="Found">What stood there instead; null when nothing did.</param>
/// <param name="Hint">What to do; null when it is plain.</param>
public sealed record Problem(string Where, string What, string? Expected = null, string? Found = null, string? Hint = null)
{
    private const int MostShown = 20;

    /// <summary>The first of many problems, and how many more there are: nobody reads a thousand.</summary>
    /// <param name="problems">Every problem found.</param>
    /// <param name="where">What the last line names.</param>
    /// <returns>At most 20 of them and a line on the rest; all of them when they are no more.</returns>
    public static IReadOnlyList<Problem> First(IReadOnlyList<Problem> problems, string where)
    {
        ArgumentNullException.ThrowIfNull(problems);
        return problems.Count <= MostShown
            ? problems
            : [.. problems.Take(MostShown), new Problem(where, $"{problems.Count - MostShown} more problems")];
    }

    /// <summary>Notes a number that is out of range.</summary>
    /// <param name="problems">Receives the problem.</param>
    /// <param name="isRight">Whether it is in range.</param>
    /// <param name="where">Its key.</param>
    /// <param name="expected">The range, in words.</param>
    /// <param name="found">The number.</param>
    internal static void Need(List<Problem> problems, bool isRight, string where, string expected, double found)
    {
        if (!isRight)
        {
            problems.Add(new Problem(where, "the value is out of range", expected, $"{found}"));
        }
    }

    /// <summary>The problem as one line of text.</summary>
    /// <returns>Place, fault, expectation, finding and hint, those that are known.</returns>
    public override string ToString()
    {
        var text = new StringBuilder(Where).Append(": ").Append(What);
        if (Expected is not null)
        {
            text.Append("; expected ").Append(Expected);
        }

        if (Found is not null)
        {
            text.Append("; found ").Append(Found);
        }

        if (Hint is not null)
        {
            text.Append(". ").Append(Hint);
        }

        return text.ToString();
    }
}
