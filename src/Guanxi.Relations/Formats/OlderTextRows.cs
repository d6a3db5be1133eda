using System.Text;

namespace Guanxi.Relations.Formats;

/// <summary>Reads and writes the older text form <c>label e1$e2$sentence</c>, in which <c>#</c> may stand where the names stood.</summary>
internal static class OlderTextRows
{
    private const char Separator = '$';
    private const char Mask = '#';

    public static bool IsRow(string line) => Cut(line) is not null;

    /// <summary>Writes a row: with its names, or with # in their place where only that says which mention is meant.</summary>
    public static string Spell(RelationExample row)
    {
        var (first, second) = Mentions.Locate(row);
        var plain = Line(row, row.Text);
        if (first.Overlaps(second) || ReadsAs(plain, first, second))
        {
            return plain;
        }

        var text = new StringBuilder(row.Text);
        foreach (var span in (TextSpan[])[first, second])
        {
            text.Remove(span.Start, span.Length).Insert(span.Start, new string(Mask, span.Length));
        }

        var masked = Line(row, text.ToString());
        return ReadsAs(masked, first, second) ? masked : plain;
    }

    private static string Line(RelationExample row, string text) => $"{row.Label} {row.Person1}{Separator}{row.Person2}{Separator}{text}";

    private static bool ReadsAs(string line, TextSpan first, TextSpan second)
    {
        if (Cut(line) is not { } cut)
        {
            return false;
        }

        var (text, span1, span2) = Unmask(cut.Sentence.Text, cut.Person1.Text, cut.Person2.Text);
        var names = new[] { cut.Person1.Text, cut.Person2.Text };
        return names.All(name => text.Contains(name, StringComparison.Ordinal))
            && Mentions.Locate(new RelationExample(text, names[0], names[1], span1, span2, null, default)) == (first, second);
    }

    public static IEnumerable<ReadRow> Read(IEnumerable<TextLine> lines, RowContext context)
    {
        var row = 0;
        foreach (var line in lines)
        {
            if (line.Problem is not null)
            {
                yield return context.Bad(line, ++row);
            }
            else if (!string.IsNullOrWhiteSpace(line.Text))
            {
                yield return ReadOne(line, context.Place(line.Number, ++row), context);
            }
        }
    }

    private static ReadRow ReadOne(TextLine line, SourcePlace place, RowContext context)
    {
        if (Cut(line.Text) is not { } cut)
        {
            return new ReadRow(place, null,
                [new RowProblem(DataRules.Columns, place, 1, "the row is not of the form of the others", "label e1$e2$sentence")]);
        }

        var (text, span1, span2) = Unmask(cut.Sentence.Text, cut.Person1.Text, cut.Person2.Text);
        var input = new RelationInput(text, cut.Person1.Text, cut.Person2.Text, span1, span2, cut.Label.Text);
        return context.Relation(input, place, fault => ColumnOf(cut, fault));
    }

    private static int ColumnOf((Cell Label, Cell Person1, Cell Person2, Cell Sentence) cut, InputFault fault) => fault.Field switch
    {
        RelationInput.LabelField => cut.Label.Column,
        RelationInput.Person1Field => cut.Person1.Column,
        RelationInput.Person2Field => cut.Person2.Column,
        _ => cut.Sentence.Column,
    };

    private static (Cell Label, Cell Person1, Cell Person2, Cell Sentence)? Cut(string line)
    {
        var afterLabel = line.IndexOfAny([' ', '\t']);
        var first = afterLabel <= 0 ? -1 : line.IndexOf(Separator, afterLabel);
        var second = first < 0 ? -1 : line.IndexOf(Separator, first + 1);
        if (second < 0 || first == afterLabel + 1 || second == first + 1 || second + 1 == line.Length)
        {
            return null;
        }

        return (new Cell(line[..afterLabel], 1), new Cell(line[(afterLabel + 1)..first], afterLabel + 2),
            new Cell(line[(first + 1)..second], first + 2), new Cell(line[(second + 1)..], second + 2));
    }

    /// <summary>Puts the names back where <c>#</c> stands.</summary>
    /// <remarks>
    /// A run of # as long as only one of the names is that one. Two runs that length does not tell apart are person 1, then person 2, the
    /// order of nine rows in ten. Where neither rule holds the sentence stays as it is, and the row is refused for a name that is not in
    /// it.
    /// </remarks>
    private static (string Text, TextSpan? Span1, TextSpan? Span2) Unmask(string sentence, string person1, string person2)
    {
        var runs = Runs(sentence);
        if (runs.Count == 0 || (sentence.Contains(person1, StringComparison.Ordinal)
            && sentence.Contains(person2, StringComparison.Ordinal)))
        {
            return (sentence, null, null);
        }

        var owners = runs.Select(run => OwnerByLength(run.Length, person1.Length, person2.Length)).ToArray();
        owners = owners switch
        {
            [0, 0] or [1, 0] or [0, 2] => [1, 2],
            [2, 0] or [0, 1] => [2, 1],
            _ => owners,
        };
        return owners.Contains(0) ? (sentence, null, null) : Fill(sentence, runs, owners, person1, person2);
    }

    private static int OwnerByLength(int run, int length1, int length2) => (run == length1, run == length2) switch
    {
        (true, false) => 1,
        (false, true) => 2,
        _ => 0,
    };

    private static (string Text, TextSpan? Span1, TextSpan? Span2) Fill(
        string sentence, List<TextSpan> runs, int[] owners, string person1, string person2)
    {
        var text = new StringBuilder();
        var spans = new TextSpan?[2];
        var last = 0;
        for (var index = 0; index < runs.Count; index++)
        {
            var name = owners[index] == 1 ? person1 : person2;
            text.Append(sentence, last, runs[index].Start - last);
            spans[owners[index] - 1] ??= new TextSpan(text.Length, text.Length + name.Length);
            text.Append(name);
            last = runs[index].End;
        }

        return (text.Append(sentence, last, sentence.Length - last).ToString(), spans[0], spans[1]);
    }

    private static List<TextSpan> Runs(string sentence)
    {
        var runs = new List<TextSpan>();
        for (var at = 0; at < sentence.Length; at++)
        {
            var end = at;
            while (end < sentence.Length && sentence[end] == Mask)
            {
                end++;
            }

            if (end > at)
            {
                runs.Add(new TextSpan(at, end));
                at = end;
            }
        }

        return runs;
    }
}
