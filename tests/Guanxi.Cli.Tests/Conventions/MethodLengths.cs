using System.Text.RegularExpressions;

namespace Guanxi.Cli.Tests.Conventions;

/// <summary>Measures the members of the types in a source by counting braces.</summary>
internal static partial class MethodLengths
{
    internal sealed record Member(string Name, int FirstLine, int Lines);

    private enum Block
    {
        Namespace,
        Type,
        Inside,
    }

    /// <summary>Methods, constructors, properties and operators, from the first line of their signature to their last brace or semicolon.</summary>
    /// <param name="blanked">What <see cref="CSharpText.Blank"/> gave.</param>
    public static List<Member> Measure(string blanked)
    {
        var members = new List<Member>();
        var blocks = new Stack<(Block Kind, int Start, string Header)>();
        var start = 0;
        for (var i = 0; i < blanked.Length; i++)
        {
            var parent = blocks.Count == 0 ? Block.Namespace : blocks.Peek().Kind;
            switch (blanked[i])
            {
                case '{':
                    var header = blanked[start..i];
                    blocks.Push((parent == Block.Inside ? Block.Inside : KindOf(header), start, header));
                    start = i + 1;
                    break;
                case '}' when blocks.Count > 0:
                    var closed = blocks.Pop();
                    var outer = blocks.Count == 0 ? Block.Namespace : blocks.Peek().Kind;
                    if (closed.Kind == Block.Inside && outer == Block.Type)
                    {
                        Add(members, blanked, closed.Start, i, closed.Header);
                    }

                    start = i + 1;
                    break;
                case ';' when parent != Block.Inside:
                    if (parent == Block.Type)
                    {
                        Add(members, blanked, start, i, blanked[start..i]);
                    }

                    start = i + 1;
                    break;
            }
        }

        return members;
    }

    private static Block KindOf(string header) =>
        TypePattern().IsMatch(header) ? Block.Type : NamespacePattern().IsMatch(header) ? Block.Namespace : Block.Inside;

    private static void Add(List<Member> members, string text, int start, int end, string header)
    {
        // A table of numbers is data, however long; an expression body is code.
        var isData = header.Contains('=', StringComparison.Ordinal) && !header.Contains("=>", StringComparison.Ordinal);
        if (isData || NameOf(header) is not { } name)
        {
            return;
        }

        var first = start + (header.Length - header.TrimStart().Length);
        var firstLine = CSharpText.LineOf(text, first);
        members.Add(new Member(name, firstLine, CSharpText.LineOf(text, end) - firstLine + 1));
    }

    private static string? NameOf(string header)
    {
        var signature = AttributePattern().Replace(header.Split("=>")[0], string.Empty);
        var match = CallablePattern().Match(signature) is { Success: true } callable ? callable : LastWordPattern().Match(signature);
        return match.Success ? match.Groups["name"].Value : null;
    }

    [GeneratedRegex(@"(?:^|[\s\]])(?:class|struct|interface|record|enum)\s+\w+[^;]*$")]
    private static partial Regex TypePattern();

    [GeneratedRegex("(?:^|\\s)(?:namespace\\s+[\\w.:]+|extern\\s+)\\s*$|^\\s*namespace\\s*$")]
    private static partial Regex NamespacePattern();

    [GeneratedRegex(@"\[[^\]]*\]")]
    private static partial Regex AttributePattern();

    // A modifier before a parenthesis begins a tuple, not a parameter list.
    [GeneratedRegex(@"(?<name>\b(?!(?:public|private|internal|protected|static|readonly|async|partial|override|virtual)\b)\w+)\s*(?:<[^()]*>)?\s*\(")]
    private static partial Regex CallablePattern();

    [GeneratedRegex(@"(?<name>\w+)\s*$")]
    private static partial Regex LastWordPattern();
}
