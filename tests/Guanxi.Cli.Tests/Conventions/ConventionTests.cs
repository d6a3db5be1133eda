using Xunit;

namespace Guanxi.Cli.Tests.Conventions;

/// <summary>The house style, as far as a machine can see it. <see cref="ConventionGuardTests"/> shows that every rule finds what it forbids.</summary>
public sealed class ConventionTests
{
    private const long MostFixtureBytes = 12L * 1024 * 1024;

    // The rules name what they forbid.
    private const string RulesThemselves = "tests/Guanxi.Cli.Tests/Conventions/";

    private static readonly string[] s_codeFolders = ["src/", "tests/", "samples/", "native/"];
    private static readonly string[] s_codeEndings = [".cs", ".cpp", ".h", ".cu"];

    [Fact]
    public void Sources_are_found_in_every_folder() =>
        Assert.All(s_codeFolders, folder => Assert.NotEmpty(RepositoryFiles.Sources([folder], s_codeEndings)));

    [Fact]
    public void Files_are_short() => AssertNone(Code().SelectMany(file => SourceRules.FileSize(file.Path, file.Text)));

    [Fact]
    public void Methods_are_short() =>
        AssertNone(Code().Where(file => file.Path.EndsWith(".cs", StringComparison.Ordinal)).SelectMany(file => SourceRules.MethodSize(file.Path, file.Text)));

    [Fact]
    public void Nothing_is_left_unfinished() =>
        AssertNone(RepositoryFiles.Sources([.. s_codeFolders, "eng/", "tools/"], [.. s_codeEndings, ".sh", ".awk", ".py", ".csproj"])
            .Where(file => !file.Path.StartsWith(RulesThemselves, StringComparison.Ordinal))
            .SelectMany(file => SourceRules.UnfinishedWork(file.Path, file.Text)));

    [Fact]
    public void Exceptions_have_a_type_of_their_own() => AssertNone(CSharp("src/", "tests/").SelectMany(file => SourceRules.BareException(file.Path, file.Text)));

    [Fact]
    public void Nothing_ends_the_process() => AssertNone(CSharp("src/").SelectMany(file => SourceRules.ProcessExit(file.Path, file.Text)));

    [Fact]
    public void Libraries_do_not_print() => AssertNone(CSharp("src/").SelectMany(file => SourceRules.LibraryConsole(file.Path, file.Text)));

    [Fact]
    public void Libraries_do_not_read_the_clock() => AssertNone(CSharp("src/").SelectMany(file => SourceRules.LibraryClock(file.Path, file.Text)));

    [Fact]
    public void Unsafe_code_is_in_Guanxi_Torch_only() =>
        AssertNone(RepositoryFiles.Sources(["src/"], [".cs", ".csproj", ".props"]).SelectMany(file => SourceRules.UnsafeCode(file.Path, file.Text)));

    [Fact]
    public void No_file_names_a_path_of_one_machine() =>
        AssertNone(RepositoryFiles.Texts()
            .Where(file => !file.Path.StartsWith(RulesThemselves, StringComparison.Ordinal))
            .SelectMany(file => SourceRules.MachinePath(file.Path, file.Text)));

    [Fact]
    public void Public_types_are_closed() => AssertNone(SourceRules.OpenTypes(CSharp("src/")));

    [Fact]
    public void Projects_refer_one_way() =>
        AssertNone(RepositoryFiles.Sources(["src/"], [".csproj"]).SelectMany(file => SourceRules.ProjectDirection(file.Path, file.Text)));

    [Fact]
    public void Fixtures_stay_small()
    {
        var bytes = RepositoryFiles.All.Where(path => path.StartsWith("tests/fixtures/", StringComparison.Ordinal)).Sum(RepositoryFiles.Bytes);

        Assert.InRange(bytes, 0, MostFixtureBytes);
    }

    private static IEnumerable<(string Path, string Text)> Code() => RepositoryFiles.Sources(s_codeFolders, s_codeEndings);

    private static IEnumerable<(string Path, string Text)> CSharp(params string[] folders) => RepositoryFiles.Sources(folders, [".cs"]);

    private static void AssertNone(IEnumerable<string> complaints)
    {
        var found = complaints.ToList();
        Assert.True(found.Count == 0, string.Join('\n', found));
    }
}
