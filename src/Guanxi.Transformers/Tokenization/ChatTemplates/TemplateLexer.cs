using System.Text;

namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>Cuts a template into tokens.</summary>
/// <remarks>
/// Source: the lexer of pallets/jinja, with trim_blocks and lstrip_blocks, as transformers sets them: the line end behind a statement
/// vanishes, and so do the spaces before one that begins a line.
/// </remarks>
internal sealed class TemplateLexer
{
    private static readonly string[] s_signs =
        ["**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", ".", ",", ":", "|", "(", ")", "[", "]", "{", "}"];

    private readonly string _source;
    private readonly TemplateErrors _errors;
    private readonly List<TemplateToken> _tokens = [];
    private int _at;
    private int _line = 1;
    private int _counted;
    private bool _isLineStart = true;

    private TemplateLexer(string source, TemplateErrors errors)
    {
        source = source.ReplaceLineEndings("\n");
        _source = source.EndsWith('\n') ? source[..^1] : source;
        _errors = errors;
    }

    /// <summary>Cuts a template.</summary>
    /// <exception cref="CheckpointException">A tag or a string does not end.</exception>
    public static List<TemplateToken> Read(string source, TemplateErrors errors)
    {
        var lexer = new TemplateLexer(source, errors);
        while (lexer._at < lexer._source.Length)
        {
            lexer.ReadText();
        }

        lexer.Add(TemplateTokenKind.End, string.Empty);
        return lexer._tokens;
    }

    /// <summary>The line of the place that was reached.</summary>
    private int Line
    {
        get
        {
            _line += _source.AsSpan(_counted, _at - _counted).Count('\n');
            _counted = _at;
            return _line;
        }
    }

    private char Peek(int ahead) => _at + ahead < _source.Length ? _source[_at + ahead] : '\0';

    private void Add(TemplateTokenKind kind, string text) => _tokens.Add(new TemplateToken(kind, text, Line));

    private void ReadText()
    {
        var open = _at - 1;
        do
        {
            open = _source.IndexOf('{', open + 1);
        }
        while (open >= 0 && !(open + 1 < _source.Length && _source[open + 1] is '{' or '%' or '#'));

        var end = open < 0 ? _source.Length : open;
        var text = _source[_at..end];
        var mark = open + 2 < _source.Length && open >= 0 ? _source[open + 2] : '\0';
        var kind = open < 0 ? '\0' : _source[open + 1];
        if (mark == '-')
        {
            text = text.TrimEnd();
        }
        else if (mark != '+' && kind is '%' or '#')
        {
            text = WithoutIndent(text);
        }

        if (text.Length > 0)
        {
            Add(TemplateTokenKind.Text, text);
        }

        _at = end;
        if (open >= 0)
        {
            _at += mark is '-' or '+' ? 3 : 2;
            ReadTag(kind);
        }
    }

    private string WithoutIndent(string text)
    {
        var line = text.LastIndexOf('\n') + 1;
        return (line > 0 || _isLineStart) && text.AsSpan(line).IsWhiteSpace() ? text[..line] : text;
    }

    private void ReadTag(char kind)
    {
        if (kind == '#')
        {
            var end = _source.IndexOf("#}", _at, StringComparison.Ordinal);
            if (end < 0)
            {
                _errors.Throw(Line, "a comment does not end", "#}");
            }

            _at = end + 2;
            EndTag(_source[end - 1], isStatement: true);
            return;
        }

        Add(kind == '%' ? TemplateTokenKind.OpenStatement : TemplateTokenKind.OpenOutput, string.Empty);
        var close = kind == '%' ? '%' : '}';
        var depth = 0;
        while (true)
        {
            while (char.IsWhiteSpace(Peek(0)))
            {
                _at++;
            }

            var marked = Peek(0) is '-' or '+' && Peek(1) == close && Peek(2) == '}' ? 1 : 0;
            if (depth == 0 && Peek(marked) == close && Peek(marked + 1) == '}')
            {
                var mark = marked == 0 ? '\0' : Peek(0);
                Add(TemplateTokenKind.Close, string.Empty);
                _at += marked + 2;
                EndTag(mark, kind == '%');
                return;
            }

            depth += ReadToken();
        }
    }

    private void EndTag(char mark, bool isStatement)
    {
        if (mark == '-')
        {
            while (char.IsWhiteSpace(Peek(0)))
            {
                _at++;
            }
        }
        else if (isStatement && mark != '+' && Peek(0) == '\n')
        {
            _at++;
        }

        _isLineStart = _at > 0 && _source[_at - 1] == '\n';
    }

    /// <summary>Reads one token inside a tag.</summary>
    /// <returns>1 for an opening bracket, -1 for a closing one.</returns>
    private int ReadToken()
    {
        var first = Peek(0);
        if (first == '\0')
        {
            _errors.Throw(Line, "a tag does not end", "%} or }}");
        }

        if (first is '\'' or '"')
        {
            ReadString(first);
            return 0;
        }

        if (char.IsAsciiDigit(first))
        {
            bool IsPoint(int at) => _source[at] == '.' && at + 1 < _source.Length && char.IsAsciiDigit(_source[at + 1]);
            ReadWhile(TemplateTokenKind.Number, at => char.IsAsciiDigit(_source[at]) || IsPoint(at));
            return 0;
        }

        if (char.IsLetter(first) || first == '_')
        {
            ReadWhile(TemplateTokenKind.Name, at => char.IsLetterOrDigit(_source[at]) || _source[at] == '_');
            return 0;
        }

        foreach (var sign in s_signs)
        {
            if (string.CompareOrdinal(_source, _at, sign, 0, sign.Length) == 0)
            {
                Add(TemplateTokenKind.Sign, sign);
                _at += sign.Length;
                return first is '(' or '[' or '{' ? 1 : first is ')' or ']' or '}' ? -1 : 0;
            }
        }

        _errors.Unsupported(Line, $"'{first}'");
        return 0;
    }

    private void ReadWhile(TemplateTokenKind kind, Func<int, bool> belongs)
    {
        var end = _at + 1;
        while (end < _source.Length && belongs(end))
        {
            end++;
        }

        Add(kind, _source[_at..end]);
        _at = end;
    }

    private void ReadString(char quote)
    {
        var text = new StringBuilder();
        var end = _at + 1;
        for (; end < _source.Length && _source[end] != quote; end++)
        {
            if (_source[end] != '\\' || end + 1 == _source.Length)
            {
                text.Append(_source[end]);
                continue;
            }

            end++;
            text.Append(_source[end] switch
            {
                'n' => "\n",
                't' => "\t",
                'r' => "\r",
                '0' => "\0",
                '\n' => string.Empty,
                '\\' or '\'' or '"' => _source[end].ToString(),
                'u' => Escaped(ref end, 4),
                'x' => Escaped(ref end, 2),
                var other => "\\" + other,
            });
        }

        if (end == _source.Length)
        {
            _errors.Throw(Line, "a string does not end", quote.ToString());
        }

        Add(TemplateTokenKind.String, text.ToString());
        _at = end + 1;
    }

    private string Escaped(ref int end, int digits)
    {
        if (end + digits >= _source.Length || !_source.AsSpan(end + 1, digits).ToString().All(char.IsAsciiHexDigit))
        {
            _errors.Throw(Line, "a string holds a broken escape", $"{digits} hexadecimal digits");
        }

        var value = Convert.ToInt32(_source.Substring(end + 1, digits), 16);
        end += digits;
        return ((char)value).ToString();
    }
}
