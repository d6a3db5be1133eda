using System.Text;

namespace Guanxi.Relations.Prompts;

/// <summary>Replaces every mention of the two people by a letter, so that a small model need not know names.</summary>
/// <remarks>
/// The marked mentions come first, then all others of the longer name, then of the shorter one; a place once taken is not taken
/// again. So of one name inside the other the outer one is replaced, and the shorter name keeps its letter wherever it stands alone.
/// </remarks>
public static class MentionMask
{
    /// <summary>What stands for the first person.</summary>
    public const string First = "甲";

    /// <summary>What stands for the second person.</summary>
    public const string Second = "乙";

    /// <summary>Replaces the mentions.</summary>
    /// <param name="example">A row.</param>
    /// <returns>Its text with letters for names.</returns>
    public static string Apply(RelationExample example)
    {
        var taken = new List<(TextSpan Span, string Letter)>();
        var (at1, at2) = (example.Span1, example.Span2);
        var firstIsLonger = example.Person1.Length >= example.Person2.Length;
        if (firstIsLonger)
        {
            Take(taken, at1, First);
            Take(taken, at2, Second);
        }
        else
        {
            Take(taken, at2, Second);
            Take(taken, at1, First);
        }

        TakeAll(taken, example.Text, firstIsLonger ? example.Person1 : example.Person2, firstIsLonger ? First : Second);
        TakeAll(taken, example.Text, firstIsLonger ? example.Person2 : example.Person1, firstIsLonger ? Second : First);
        return Replace(example.Text, taken);
    }

    private static void Take(List<(TextSpan Span, string Letter)> taken, TextSpan? span, string letter)
    {
        if (span is { } place && !taken.Any(other => other.Span.Overlaps(place)))
        {
            taken.Add((place, letter));
        }
    }

    private static void TakeAll(List<(TextSpan Span, string Letter)> taken, string text, string name, string letter)
    {
        foreach (var place in Mentions.All(text, name))
        {
            Take(taken, place, letter);
        }
    }

    private static string Replace(string text, List<(TextSpan Span, string Letter)> taken)
    {
        var result = new StringBuilder(text.Length);
        var last = 0;
        foreach (var (span, letter) in taken.OrderBy(item => item.Span.Start))
        {
            result.Append(text, last, span.Start - last).Append(letter);
            last = span.End;
        }

        return result.Append(text, last, text.Length - last).ToString();
    }
}
