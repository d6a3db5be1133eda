namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>A place in the tokens of a template.</summary>
/// <param name="tokens">The tokens, the last of which is the end.</param>
/// <param name="errors">Says what is wrong.</param>
internal sealed class TemplateCursor(List<TemplateToken> tokens, TemplateErrors errors)
{
    // Deeper nesting is no template but an attack on the stack.
    private const int MostDepth = 100;

    private int _at;
    private int _depth;

    public TemplateErrors Errors => errors;

    public TemplateToken Current => tokens[_at];

    public int Line => Current.Line;

    public TemplateToken Next() => tokens[_at == tokens.Count - 1 ? _at : _at++];

    /// <summary>Whether the current token is a sign or, as a keyword, a name.</summary>
    public bool Is(string text) => Current.Kind is TemplateTokenKind.Sign or TemplateTokenKind.Name && Current.Text == text;

    /// <summary>Whether a keyword follows the current token.</summary>
    public bool IsNext(string text) =>
        _at + 1 < tokens.Count && tokens[_at + 1] is { Kind: TemplateTokenKind.Name } next && next.Text == text;

    public bool Take(string text)
    {
        if (!Is(text))
        {
            return false;
        }

        Next();
        return true;
    }

    public void Require(string text)
    {
        if (!Take(text))
        {
            errors.Throw(Line, "the chat template cannot be read", $"'{text}'", Found);
        }
    }

    public void RequireClose()
    {
        if (Current.Kind != TemplateTokenKind.Close)
        {
            errors.Throw(Line, "the chat template cannot be read", "the end of the tag", Found);
        }

        Next();
    }

    public string RequireName()
    {
        if (Current.Kind != TemplateTokenKind.Name)
        {
            errors.Throw(Line, "the chat template cannot be read", "a name", Found);
        }

        return Next().Text;
    }

    /// <summary>The current token, for messages.</summary>
    public string Found => Current.Kind switch
    {
        TemplateTokenKind.End => "the end of the template",
        TemplateTokenKind.Close => "the end of the tag",
        TemplateTokenKind.OpenOutput => "'{{'",
        TemplateTokenKind.OpenStatement => "'{%'",
        TemplateTokenKind.Text => "text",
        _ => $"'{Current.Text}'",
    };

    /// <summary>Reads something nested.</summary>
    public T Nested<T>(Func<T> read)
    {
        if (++_depth > MostDepth)
        {
            errors.Throw(Line, "the chat template is nested too deeply", $"{MostDepth} levels");
        }

        var result = read();
        _depth--;
        return result;
    }
}
