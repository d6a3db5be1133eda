namespace Guanxi.Relations;

/// <summary>What a row, a request or a command line says, before it is checked.</summary>
/// <param name="Text">The sentence; it may carry markers, which then name the people.</param>
/// <param name="Person1">Name of the first person; null when the text is marked.</param>
/// <param name="Person2">Name of the second person; null when the text is marked.</param>
/// <param name="Span1">Mention of the first person; null when not given.</param>
/// <param name="Span2">Mention of the second person; null when not given.</param>
/// <param name="Label">The relation; null when not given.</param>
public sealed record RelationInput(
    string? Text, string? Person1, string? Person2, TextSpan? Span1 = null, TextSpan? Span2 = null, string? Label = null)
{
    /// <summary>Field name of the sentence.</summary>
    public const string TextField = "text";

    /// <summary>Field name of the first person.</summary>
    public const string Person1Field = "people1";

    /// <summary>Field name of the second person.</summary>
    public const string Person2Field = "people2";

    /// <summary>Field name of the first person's mention.</summary>
    public const string Span1Field = "people1_span";

    /// <summary>Field name of the second person's mention.</summary>
    public const string Span2Field = "people2_span";

    /// <summary>Field name of the relation.</summary>
    public const string LabelField = "label";

    /// <summary>Checks everything and makes a row.</summary>
    /// <param name="place">Where it came from.</param>
    /// <param name="requireLabel">Whether a row without a relation is a fault.</param>
    /// <param name="schema">The known labels; null accepts any.</param>
    /// <param name="faults">Receives every fault.</param>
    /// <returns>The row with its label in canonical spelling, or null when there was a fault. Both names occur in its text.</returns>
    public RelationExample? Build(SourcePlace place, bool requireLabel, RelationSchema? schema, ICollection<InputFault> faults)
    {
        var before = faults.Count;
        var label = CheckLabel(requireLabel, schema, faults);
        if (string.IsNullOrWhiteSpace(Text))
        {
            faults.Add(new InputFault(DataRules.Empty, TextField, 1, "there is no text"));
            return null;
        }

        // Spans count units of the text as given, so with them what looks like a marker is text.
        var marked = Span1 is null && Span2 is null && (Person1 is null || Person2 is null || EntityMarkers.HasAny(Text));
        var example = marked ? FromMarkers(place, label, faults) : FromNames(place, label, faults);
        return faults.Count > before ? null : example;
    }

    private string? CheckLabel(bool required, RelationSchema? schema, ICollection<InputFault> faults)
    {
        if (string.IsNullOrWhiteSpace(Label))
        {
            if (required)
            {
                faults.Add(new InputFault(DataRules.LabelMissing, LabelField, 1, "there is no label"));
            }

            return null;
        }

        if (schema is null)
        {
            return Label;
        }

        var canonical = schema.Canonical(Label);
        if (canonical is null)
        {
            faults.Add(schema.UnknownLabel(Label));
        }

        return canonical;
    }

    private RelationExample? FromMarkers(SourcePlace place, string? label, ICollection<InputFault> faults)
    {
        var parsed = EntityMarkers.Parse(Text!, faults);
        if (parsed is null)
        {
            return null;
        }

        var (name1, name2) = (parsed.Span1.Of(parsed.Text), parsed.Span2.Of(parsed.Text));
        CheckAgreement(Person1Field, Person1, name1, faults);
        CheckAgreement(Person2Field, Person2, name2, faults);
        return new RelationExample(parsed.Text, name1, name2, parsed.Span1, parsed.Span2, label, place);
    }

    private static void CheckAgreement(string field, string? given, string marked, ICollection<InputFault> faults)
    {
        if (given is not null && given != marked)
        {
            faults.Add(new InputFault(DataRules.Marker, field, 1, "the name is not the one marked in the text", marked, given));
        }
    }

    private RelationExample FromNames(SourcePlace place, string? label, ICollection<InputFault> faults)
    {
        CheckName(Person1Field, Person1, Span1Field, Span1, faults);
        CheckName(Person2Field, Person2, Span2Field, Span2, faults);
        if (Span1 is { } span1 && Span2 is { } span2 && TextSpan.Cross(span1, span2))
        {
            faults.Add(new InputFault(DataRules.Span, Span2Field, 1, "the spans of the two names cross",
                "one inside the other, or apart"));
        }

        return new RelationExample(Text!, Person1 ?? "", Person2 ?? "", Span1, Span2, label, place);
    }

    private void CheckName(string field, string? name, string spanField, TextSpan? span, ICollection<InputFault> faults)
    {
        if (string.IsNullOrWhiteSpace(name))
        {
            faults.Add(new InputFault(DataRules.Empty, field, 1, $"{field} has no name"));
        }
        else if (!Text!.Contains(name, StringComparison.Ordinal))
        {
            faults.Add(new InputFault(DataRules.NameNotInText, field, 1, $"{field} does not occur in the text", null, name));
        }
        else if (span is { } given && !given.Fits(Text.Length))
        {
            faults.Add(new InputFault(DataRules.Span, spanField, 1, "the span is not a part of the text",
                $"0 <= start < end <= {Text.Length}", $"[{given.Start}, {given.End}]"));
        }
        else if (span is { } inside && inside.Of(Text) != name)
        {
            var first = Mentions.All(Text, name)[0];
            faults.Add(new InputFault(DataRules.Span, spanField, 1, "the span holds another text than the name", name, inside.Of(Text),
                $"Spans are half open and count UTF-16 units; the name first stands at [{first.Start}, {first.End}]."));
        }
    }
}
