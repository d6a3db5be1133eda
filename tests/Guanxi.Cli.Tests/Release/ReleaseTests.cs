using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Release;

/// <summary>What a release says of itself: version, licences of what it contains, bill of materials.</summary>
public sealed partial class ReleaseTests
{
    private const string Notices = "THIRD-PARTY-NOTICES.md";

    // Part of the archive only: a build that is not self-contained does not list them.
    private static readonly string[] s_runtimes = ["Microsoft.AspNetCore.App.Runtime.linux-x64", "Microsoft.NETCore.App.Runtime.linux-x64"];

    private static string Dependencies => Path.Combine(AppContext.BaseDirectory, "guanxi.deps.json");

    [Fact]
    public void The_version_stands_in_one_place_and_the_changelog_begins_with_it()
    {
        var changes = File.ReadAllText(PathOf("CHANGELOG.md"));

        Assert.Equal(Expect(VersionPattern(), File.ReadAllText(PathOf("Directory.Build.props"))), ProgramVersion.Number);
        Assert.Equal(ProgramVersion.Number, Expect(ReleasePattern(), changes));
        Assert.All(RepositoryProjects(), project => Assert.DoesNotContain("<Version>", project, StringComparison.Ordinal));
    }

    [Fact]
    public void What_the_program_takes_from_the_tests_is_part_of_its_fingerprint()
    {
        var taken = Expect(ReferencePattern(), File.ReadAllText(PathOf("src/Guanxi.Cli/Guanxi.Cli.csproj")));

        Assert.Matches($@"gx_fingerprint native .* {Regex.Escape(taken)} ", File.ReadAllText(PathOf("eng/prepare.sh")));
    }

    [Fact]
    public void The_notices_name_every_package_that_is_shipped_and_no_other()
    {
        var shipped = Shipped().Select(package => package.Name);

        Assert.Equal(shipped.Concat(s_runtimes).Order(StringComparer.Ordinal), Section("In the archive").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_bill_of_materials_has_every_package_with_version_and_licence()
    {
        using var folder = new TemporaryFolder();
        folder.Add("system.txt", "libgomp1 12.2.0-14\n");

        var (code, output, _) = WriteBill(PathOf(Notices), Dependencies, folder["system.txt"]);
        var bill = JsonSerializer.Deserialize<JsonElement>(output);

        Assert.Equal(0, code);
        Assert.Equal(("CycloneDX", "1.6"), (bill.GetProperty("bomFormat").GetString(), bill.GetProperty("specVersion").GetString()));
        Assert.Equal("2026-01-02T03:04:05Z", bill.GetProperty("metadata").GetProperty("timestamp").GetString());
        var components = bill.GetProperty("components").EnumerateArray().ToArray();
        Assert.Equal(
            [.. Shipped().Select(package => $"pkg:nuget/{package.Name}@{package.Version}"), "pkg:deb/debian/libgomp1@12.2.0-14"],
            components.Select(component => component.GetProperty("purl").GetString()));
        Assert.All(components, component => Assert.NotEqual(0, component.GetProperty("licenses").GetArrayLength()));
        Assert.Equal("MIT", components[0].GetProperty("licenses")[0].GetProperty("license").GetProperty("id").GetString());
        Assert.Equal("GPL-3.0-or-later WITH GCC-exception-3.1", components[^1].GetProperty("licenses")[0].GetProperty("expression").GetString());
    }

    [Fact]
    public void A_package_without_a_licence_makes_no_bill_of_materials()
    {
        using var folder = new TemporaryFolder();
        folder.Add("notices.md", File.ReadAllText(PathOf(Notices)).Replace("| System.CommandLine |", "| Another |", StringComparison.Ordinal));

        var (code, output, error) = WriteBill(folder["notices.md"], Dependencies);

        Assert.Equal((1, ""), (code, output));
        Assert.Contains("System.CommandLine: no licence", error, StringComparison.Ordinal);
    }

    private static string PathOf(string name) => Path.Combine(Golden.RepositoryRoot, name);

    private static IEnumerable<string> RepositoryProjects() =>
        Directory.EnumerateFiles(PathOf("src"), "*.csproj", SearchOption.AllDirectories).Select(File.ReadAllText);

    private static string Expect(Regex pattern, string text)
    {
        var match = pattern.Match(text);
        Assert.True(match.Success, $"nothing matches {pattern}");
        return match.Groups[1].Value;
    }

    private static (string Name, string Version)[] Shipped()
    {
        using var dependencies = JsonDocument.Parse(File.ReadAllBytes(Dependencies));
        return
        [
            .. dependencies.RootElement.GetProperty("libraries").EnumerateObject()
                .Where(library => library.Value.GetProperty("type").GetString() == "package")
                .Select(library => library.Name.Split('/')).Select(parts => (parts[0], parts[1])),
        ];
    }

    /// <summary>First cells of a section's table.</summary>
    private static IEnumerable<string> Section(string heading) => File.ReadAllText(PathOf(Notices)).Split("\n## ")
        .Single(section => section.StartsWith(heading, StringComparison.Ordinal)).Split('\n')
        .Where(line => line.StartsWith("| ", StringComparison.Ordinal)).Skip(1).Select(line => line.Split('|')[1].Trim());

    private static (int Code, string Output, string Error) WriteBill(params string[] files)
    {
        var start = new ProcessStartInfo(
            "awk", ["-f", PathOf("eng/sbom.awk"), "-v", "version=1", "-v", "commit=c", "-v", "time=2026-01-02T03:04:05Z", .. files])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var awk = Process.Start(start)!;
        var error = awk.StandardError.ReadToEndAsync();
        var output = awk.StandardOutput.ReadToEnd();
        awk.WaitForExit();
        return (awk.ExitCode, output, error.Result);
    }

    [GeneratedRegex(@"<ReferenceRun>\$\(RepositoryRoot\)(.*)/</ReferenceRun>")]
    private static partial Regex ReferencePattern();

    [GeneratedRegex(@"<Version>(.*)</Version>")]
    private static partial Regex VersionPattern();

    [GeneratedRegex(@"^## \[([^\]]+)\]", RegexOptions.Multiline)]
    private static partial Regex ReleasePattern();
}
