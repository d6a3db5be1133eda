using System.Text.RegularExpressions;
using Guanxi.Cli.Tests.Conventions;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Documentation;

/// <summary>What the documents tell people to type and to open is there.</summary>
public sealed partial class DocumentTests
{
    private static readonly string[] s_described = ["docs/architecture.md", "docs/adding-a-model.md"];
    private static readonly string[] s_folders = ["assets/", "docs/", "eng/", "examples/", "native/", "recipes/", "samples/", "src/", "tests/", "tools/"];
    private static readonly string[] s_sources = [".awk", ".cpp", ".cs", ".csproj", ".h", ".sh"];

    // The log tells what was called at its time.
    public static TheoryData<string> Documents { get; } =
        [.. RepositoryFiles.All.Where(path => path.EndsWith(".md", StringComparison.Ordinal) && path != "docs/LOG.md").Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_call_can_be_made(string document)
    {
        var complaints = Code(Read(document)).SelectMany(ShellCalls.Of)
            .Where(call => call.Length == 0 || char.IsAsciiLetterLower(call[0][0]) || call[0][0] == '-')
            .Select(Whole)
            .SelectMany(call => CallCheck.Of(call).Select(complaint => $"./guanxi {string.Join(' ', call)}\n    {complaint}"));

        Assert.Empty(complaints);
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_file_is_there(string document)
    {
        var text = Read(document);
        var folder = Path.GetDirectoryName(document)!;
        var links = LinkPattern().Matches(text).Select(match => Path.Combine(folder, match.Groups["target"].Value));
        var named = PathPattern().Matches(text).Select(match => match.Value.TrimEnd('.'))
            .Where(path => s_folders.Any(start => path.StartsWith(start, StringComparison.Ordinal)) && !path.Contains("..", StringComparison.Ordinal));
        var sources = NamePattern().Matches(text).Select(match => match.Groups["name"].Value).Where(name => s_sources.Contains(Path.GetExtension(name)));

        Assert.DoesNotContain(links.Concat(named), path => !Path.Exists(Path.Combine(Golden.RepositoryRoot, path)));
        Assert.DoesNotContain(sources, name => !RepositoryFiles.All.Any(path => Path.GetFileName(path) == Path.GetFileName(name)));
    }

    [Fact]
    public void Every_type_that_the_structure_is_described_with_is_there()
    {
        var sources = RepositoryFiles.Sources(["src/", "tests/"], [".cs"]).Select(file => file.Text).ToArray();
        var types = sources.SelectMany(text => TypePattern().Matches(text)).Select(match => match.Groups["name"].Value).ToHashSet(StringComparer.Ordinal);

        foreach (var document in s_described)
        {
            var named = WordPattern().Matches(Read(document)).Select(match => match.Groups["type"].Value).Distinct();
            Assert.Empty(named.Where(name => !types.Contains(name)).Select(name => $"{document}: {name}"));
        }
    }

    /// <summary>A call without the sign that stands for whatever else; a verb that is only named is asked for its help.</summary>
    private static string[] Whole(string[] call) =>
        call.All(word => word.All(char.IsAsciiLetterLower)) ? [.. call, "--help"] : [.. call.Where(word => word != "...")];

    /// <summary>Lines of code blocks, and code inside lines.</summary>
    private static IEnumerable<string> Code(string text)
    {
        var isBlock = false;
        foreach (var line in ContinuedPattern().Replace(text, " ").Split('\n'))
        {
            if (line.TrimStart().StartsWith("```", StringComparison.Ordinal))
            {
                isBlock = !isBlock;
            }
            else if (isBlock || line.StartsWith("    ", StringComparison.Ordinal))
            {
                yield return line.Trim();
            }
            else
            {
                foreach (Match code in InlinePattern().Matches(line))
                {
                    yield return code.Groups["code"].Value;
                }
            }
        }
    }

    private static string Read(string document) => File.ReadAllText(Path.Combine(Golden.RepositoryRoot, document));

    [GeneratedRegex(@"\\\n\s*")]
    private static partial Regex ContinuedPattern();

    [GeneratedRegex("`(?<code>[^`]+)`")]
    private static partial Regex InlinePattern();

    [GeneratedRegex(@"\]\((?!\w+:|#)(?<target>[^)#\s]+)")]
    private static partial Regex LinkPattern();

    [GeneratedRegex(@"(?<![\w./-])[\w-]+(?:/[\w.-]+)+/?")]
    private static partial Regex PathPattern();

    [GeneratedRegex(@"`(?<name>[\w./-]+\.\w+)`")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"\b(?:class|record|struct|interface|enum|delegate)\s+(?:struct\s+)?(?<name>[A-Z]\w*)")]
    private static partial Regex TypePattern();

    // Types begin with a capital and have a small letter; what follows a point is a member.
    [GeneratedRegex(@"`(?<type>[A-Z]\w*[a-z]\w*)(?:<\w+>)?(?:\.\w+)*(?:\([^`]*\))?`")]
    private static partial Regex WordPattern();
}
