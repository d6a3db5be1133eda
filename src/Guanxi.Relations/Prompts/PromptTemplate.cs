using System.Text;
using Guanxi.Relations.Reporting;
using Guanxi.Transformers;

namespace Guanxi.Relations.Prompts;

/// <summary>A question with places for the sentence and the people, taken apart once so that making a prompt is joining texts.</summary>
/// <remarks>
/// Placeholders: <c>{text}</c> the sentence, <c>{masked_text}</c> the sentence with 甲 and 乙 for the people (<see cref="MentionMask"/>),
/// <c>{people1}</c>, <c>{people2}</c> the names, <c>{labels}</c> the labels as a Python list. <c>{{</c> and <c>}}</c> stand for a brace;
/// a brace that encloses no name stands for itself. What a row puts in is never searched for placeholders.
/// </remarks>
public sealed class PromptTemplate
{
    /// <summary>The published article's template, with the article's own list of labels.</summary>
    public const string Article =
        "给定以下标签：['不确定', '夫妻', '父母', '兄弟姐妹', '上下级', '师生', '好友', '同学', '合作', '同一个人', '情侣', '祖孙', '同门', '亲戚']" + ArticleQuestion;

    private const string ArticleQuestion = "，请在以下句子中分析并分类实体之间的关系：'{text}'在这个句子中，{people1}和{people2}之间的关系应该属于哪个标签？";

    // The article's question, for labels of one's own.
    private const string Listing = "给定以下标签：{labels}" + ArticleQuestion;
    private const string EnglishListing =
        "Given the labels {labels}, classify the relation between two entities in a sentence: '{text}' "
        + "In this sentence, which label is the relation of {people1} to {people2}?";

    /// <summary>A short template for small base models: letters for names, the answer continues the sentence.</summary>
    public const string Masked = "{masked_text}甲和乙之间的关系是";

    /// <summary>Placeholder of the sentence.</summary>
    internal const string Text = "text";

    /// <summary>Placeholder of the first name.</summary>
    internal const string Person1 = "people1";

    /// <summary>Placeholder of the second name.</summary>
    internal const string Person2 = "people2";

    private const string MaskedText = "masked_text";
    private const string LabelList = "labels";

    private static readonly string[] s_names = [Text, MaskedText, Person1, Person2, LabelList];

    private readonly IReadOnlyList<Piece> _rest;

    private PromptTemplate(string template, string constantPrefix, IReadOnlyList<Piece> rest) =>
        (Template, ConstantPrefix, _rest) = (template, constantPrefix, rest);

    /// <summary>The template as it was given.</summary>
    public string Template { get; }

    /// <summary>The text that begins every prompt, up to the first place that depends on the row.</summary>
    public string ConstantPrefix { get; }

    /// <summary>What follows <see cref="ConstantPrefix"/>.</summary>
    internal IReadOnlyList<Piece> Rest => _rest;

    /// <summary>The template where nobody names one.</summary>
    /// <param name="labels">The labels that are answered.</param>
    /// <returns>
    /// <see cref="Article"/> when its list has them all; else the same question over these labels, in English unless one is written in ideographs.
    /// </returns>
    public static string Usual(IReadOnlyList<string> labels) =>
        labels.All(label => LabelAliases.GroupOf(label).Any(spelling => Article.Contains($"'{spelling}'", StringComparison.Ordinal))) ? Article
        : labels.Any(label => Languages.Of(label) is not null) ? Listing
        : EnglishListing;

    /// <summary>Takes a template apart.</summary>
    /// <param name="template">The text with placeholders.</param>
    /// <param name="labels">What <c>{labels}</c> lists, in this order.</param>
    /// <param name="where">What to call the template in an error, e.g. the option or file it came from.</param>
    /// <returns>The template, ready for use.</returns>
    /// <exception cref="OptionsException">A placeholder is unknown, or none is the sentence; all problems are listed.</exception>
    public static PromptTemplate Parse(string template, IReadOnlyList<string> labels, string where)
    {
        var problems = new List<Problem>();
        var pieces = Pieces(template, labels, where, problems);
        if (!pieces.Any(piece => piece.Placeholder is Text or MaskedText))
        {
            problems.Add(new Problem(where, "the prompt has no place for the sentence", "{text} or {masked_text}"));
        }

        if (problems.Count > 0)
        {
            throw new OptionsException(problems);
        }

        var prefix = string.Concat(pieces.TakeWhile(piece => piece.Placeholder is null).Select(piece => piece.Literal));
        return new PromptTemplate(template, prefix, [.. pieces.SkipWhile(piece => piece.Placeholder is null)]);
    }

    /// <summary>Reads an option that holds a template or the name of a file with one.</summary>
    /// <param name="textOrFile">A template, which has at least one brace, or a file name.</param>
    /// <returns>The template's text, without the line end that an editor leaves at the end of a file.</returns>
    /// <exception cref="OptionsException">It is neither, or the file cannot be read.</exception>
    public static string ReadText(string textOrFile)
    {
        if (textOrFile.Contains('{', StringComparison.Ordinal) && !File.Exists(textOrFile))
        {
            return textOrFile;
        }

        return Formats.TextFile.ReadAll(textOrFile);
    }

    /// <summary>Makes the whole prompt of a row.</summary>
    /// <param name="example">The row.</param>
    /// <returns><see cref="ConstantPrefix"/> and what the row puts behind it.</returns>
    public string Render(RelationExample example) => Append(new StringBuilder(ConstantPrefix), example);

    /// <summary>All literal text of the template, with the labels where it lists them.</summary>
    /// <returns>The prompt without what depends on a row.</returns>
    public string ConstantText() => ConstantPrefix + string.Concat(_rest.Select(piece => piece.Literal));

    private string Append(StringBuilder prompt, RelationExample example)
    {
        foreach (var piece in _rest)
        {
            prompt.Append(piece.Placeholder switch
            {
                Text => example.Text,
                MaskedText => MentionMask.Apply(example),
                Person1 => example.Person1,
                Person2 => example.Person2,
                _ => piece.Literal,
            });
        }

        return prompt.ToString();
    }

    private static List<Piece> Pieces(string template, IReadOnlyList<string> labels, string where, List<Problem> problems)
    {
        var pieces = new List<Piece>();
        var literal = new StringBuilder();
        for (var at = 0; at < template.Length;)
        {
            var unit = template[at];
            if (unit is '{' or '}' && at + 1 < template.Length && template[at + 1] == unit)
            {
                literal.Append(unit);
                at += 2;
            }
            else if (unit == '{' && NameAt(template, at + 1) is { Length: > 0 } name)
            {
                var unknown = new Problem($"{where}, character {at + 1}", "the placeholder is not known");
                TakePlaceholder(name, pieces, literal, labels, unknown, problems);
                at += name.Length + 2;
            }
            else
            {
                literal.Append(unit);
                at++;
            }
        }

        Flush(pieces, literal);
        return pieces;
    }

    private static void TakePlaceholder(
        string name, List<Piece> pieces, StringBuilder literal, IReadOnlyList<string> labels, Problem unknown, List<Problem> problems)
    {
        if (name == LabelList)
        {
            literal.Append(PythonText.List(labels));
        }
        else if (s_names.Contains(name))
        {
            Flush(pieces, literal);
            pieces.Add(new Piece("", name));
        }
        else
        {
            problems.Add(unknown with
            {
                Expected = string.Join(", ", s_names.Select(known => $"{{{known}}}")),
                Found = $"{{{name}}}",
                Hint = "Write {{ and }} for braces that are part of the text.",
            });
        }
    }

    private static void Flush(List<Piece> pieces, StringBuilder literal)
    {
        if (literal.Length > 0)
        {
            pieces.Add(new Piece(literal.ToString(), null));
            literal.Clear();
        }
    }

    private static string NameAt(string template, int start)
    {
        var end = start;
        while (end < template.Length && (char.IsLetterOrDigit(template[end]) || template[end] == '_'))
        {
            end++;
        }

        return end < template.Length && template[end] == '}' ? template[start..end] : "";
    }

    /// <summary>A part of a template.</summary>
    /// <param name="Literal">Its text; empty for a placeholder.</param>
    /// <param name="Placeholder">Its name; null for text.</param>
    internal sealed record Piece(string Literal, string? Placeholder);
}
