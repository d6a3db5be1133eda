namespace Guanxi.Relations.Prompts;

/// <summary>Finds the sentence and the people that a prompt was made of.</summary>
internal static class PromptInverse
{
    private static readonly string[] s_wanted = [PromptTemplate.Text, PromptTemplate.Person1, PromptTemplate.Person2];

    /// <summary>Whether prompts of a template say all that a row is.</summary>
    public static bool CanInvert(PromptTemplate template)
    {
        string[] names = [.. template.Rest.Select(piece => piece.Placeholder).OfType<string>()];
        return names.All(s_wanted.Contains) && s_wanted.All(names.Contains);
    }

    /// <summary>Takes a prompt apart.</summary>
    /// <param name="template">A template that <see cref="CanInvert"/>.</param>
    /// <param name="prompt">A prompt, whoever made it.</param>
    /// <returns>
    /// Sentence and names, the names being in the sentence; null when the prompt is not of this template, or of it in more than one way.
    /// </returns>
    public static (string Text, string Person1, string Person2)? Find(PromptTemplate template, string prompt)
    {
        if (!prompt.StartsWith(template.ConstantPrefix, StringComparison.Ordinal))
        {
            return null;
        }

        var found = Ways(template.Rest, 0, prompt[template.ConstantPrefix.Length..], []).Distinct().Take(2).ToArray();
        return found is [var only] ? only : null;
    }

    private static IEnumerable<(string Text, string Person1, string Person2)> Ways(
        IReadOnlyList<PromptTemplate.Piece> pieces, int index, string rest, Dictionary<string, string> values)
    {
        if (index == pieces.Count)
        {
            var (text, person1, person2) = (values[PromptTemplate.Text], values[PromptTemplate.Person1], values[PromptTemplate.Person2]);
            var isRow = rest.Length == 0 && text.Contains(person1, StringComparison.Ordinal) && text.Contains(person2, StringComparison.Ordinal);
            return isRow ? [(text, person1, person2)] : [];
        }

        if (pieces[index].Placeholder is not { } name)
        {
            var literal = pieces[index].Literal;
            return rest.StartsWith(literal, StringComparison.Ordinal) ? Ways(pieces, index + 1, rest[literal.Length..], values) : [];
        }

        if (values.TryGetValue(name, out var known))
        {
            return rest.StartsWith(known, StringComparison.Ordinal) ? Ways(pieces, index + 1, rest[known.Length..], values) : [];
        }

        return Ends(pieces, index, rest).SelectMany(end =>
            Ways(pieces, index + 1, rest[end..], new Dictionary<string, string>(values) { [name] = rest[..end] }));
    }

    /// <summary>Where a placeholder's value can end: where the text after it begins.</summary>
    private static IEnumerable<int> Ends(IReadOnlyList<PromptTemplate.Piece> pieces, int index, string rest)
    {
        if (index + 1 == pieces.Count)
        {
            return rest.Length > 0 ? [rest.Length] : [];
        }

        return pieces[index + 1].Placeholder is null
            ? Mentions.Everywhere(rest, pieces[index + 1].Literal).Select(place => place.Start).Where(start => start > 0)
            : Enumerable.Range(1, rest.Length);
    }
}
