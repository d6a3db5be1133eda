using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Cli.Tests.Conventions;

/// <summary>
/// The libraries' public members are those that were agreed on: a change of <c>tests/fixtures/api</c> is seen in its review, and no member is
/// added, renamed or lost by the way.
/// </summary>
public sealed class PublicApiTests
{
    private const string ApproveVariable = "GUANXI_APPROVE";

    [Theory]
    [InlineData(typeof(Tensor))]
    [InlineData(typeof(Problem))]
    [InlineData(typeof(Relations.RelationSchema))]
    public void The_public_members_of_a_library_are_those_agreed_on(Type one)
    {
        var path = Path.Combine(Golden.RepositoryRoot, "tests", "fixtures", "api", $"{one.Assembly.GetName().Name}.txt");
        var found = PublicApi.Of(one.Assembly);
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable(ApproveVariable)))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, found);
        }

        var (agreed, now) = (WithTypes(File.ReadAllText(path)), WithTypes(found));
        var differences = now.Except(agreed).Select(line => $"+ {line}").Concat(agreed.Except(now).Select(line => $"- {line}")).ToArray();
        Assert.True(differences.Length == 0, $"{ApproveVariable}=1 ./test PublicApi agrees to\n{string.Join('\n', differences)}");
    }

    [Fact]
    public void A_listing_tells_kinds_members_and_what_may_be_null()
    {
        var lines = PublicApi.Of(typeof(Problem).Assembly).Split('\n');

        Assert.Contains("class Guanxi.Transformers.OptionsException : Exception, ISerializable", lines);
        Assert.Contains("    new(string Where, string What, string? Expected = ..., string? Found = ..., string? Hint = ...)", lines);
        Assert.Contains("    IReadOnlyList<Problem> Problems { get; }", lines);
        Assert.Contains("    string? Hint { get; init; }", lines);
        Assert.DoesNotContain(lines, line => line.Contains("EqualityContract", StringComparison.Ordinal) || line.Contains("<Clone>", StringComparison.Ordinal));
    }

    // A member that moves to another type is another member.
    private static List<string> WithTypes(string listing)
    {
        var (lines, type) = (new List<string>(), string.Empty);
        foreach (var line in listing.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            type = line.StartsWith(' ') ? type : line;
            lines.Add(line.StartsWith(' ') ? $"{type} | {line.Trim()}" : line);
        }

        return lines;
    }
}
