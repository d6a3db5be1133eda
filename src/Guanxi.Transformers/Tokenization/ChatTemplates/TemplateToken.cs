namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>What a token of a template is.</summary>
internal enum TemplateTokenKind
{
    /// <summary>Text outside of any tag, as it is written out.</summary>
    Text,

    /// <summary><c>{{</c></summary>
    OpenOutput,

    /// <summary><c>{%</c></summary>
    OpenStatement,

    /// <summary><c>}}</c> or <c>%}</c></summary>
    Close,

    /// <summary>A name or a keyword.</summary>
    Name,

    /// <summary>A string, without its quotes.</summary>
    String,

    /// <summary>A number.</summary>
    Number,

    /// <summary>An operator or a bracket.</summary>
    Sign,

    /// <summary>The end of the template.</summary>
    End,
}

/// <summary>A token of a template.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Its text.</param>
/// <param name="Line">The line it stands on, from 1.</param>
internal readonly record struct TemplateToken(TemplateTokenKind Kind, string Text, int Line);
