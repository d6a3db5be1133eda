using System.Diagnostics;
using System.IO.Compression;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests;

/// <summary>The libraries as packages, and a program of another folder that uses them.</summary>
public sealed class PackageTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    [Fact]
    public void The_sample_runs_on_the_packages_alone()
    {
        using var folder = new TemporaryFolder();
        foreach (var library in (string[])["Torch", "Transformers", "Relations"])
        {
            Dotnet("pack", Path.Combine(Golden.RepositoryRoot, "src", $"Guanxi.{library}"), "-c", "Release", "--no-build", "--nologo", "-o", folder["packages"]);
        }

        using (var package = ZipFile.OpenRead(Directory.GetFiles(folder["packages"], "Guanxi.Torch.*.nupkg").Single()))
        {
            Assert.NotNull(package.GetEntry("runtimes/linux-x64/native/libguanxi_torch.so"));
        }

        var sample = Path.Combine(Golden.RepositoryRoot, "samples", "Classify");
        foreach (var file in Directory.GetFiles(sample))
        {
            File.Copy(file, folder[Path.GetFileName(file)]);
        }

        // Restored into a folder of its own: the user's cache may hold an older package of the same version.
        File.WriteAllText(folder["Directory.Build.props"], File.ReadAllText(Path.Combine(Golden.RepositoryRoot, "Directory.Build.props")));
        Dotnet(
            "build", folder["Classify.csproj"], "-c", "Release", "--nologo", "-o", folder["out"], $"-p:GuanxiPackages={folder["packages"]}",
            $"-p:RestorePackagesPath={folder["cache"]}");
        ChildProgram.Run(
            "train", "--method", "tfidf", "--train_file", Path.Combine(Golden.RepositoryRoot, "examples", "people", "train.tsv"), "--output_dir", folder["model"]).Expect(ExitCode.Done);

        var said = Dotnet(folder["out/Classify.dll"], folder["model"], "曹操带着曹植登上铜雀台", "曹操", "曹植");

        Assert.Matches(@"^父母 [1-9][0-9]?\.[0-9] ?%\n$", said);
    }

    private static string Dotnet(params string[] words)
    {
        var start = new ProcessStartInfo("dotnet", words) { RedirectStandardOutput = true, RedirectStandardError = true };

        if (words[0].EndsWith(".dll", StringComparison.Ordinal))
        {
            // The tests' own native library must not stand in for that of the package.
            start.Environment.Remove("GUANXI_NATIVE");
        }

        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        Assert.True(process.WaitForExit(s_patience), $"dotnet {words[0]} does not end");
        Assert.True(process.ExitCode == 0, $"dotnet {string.Join(' ', words)}: exit code {process.ExitCode}\n{output.Result}{error.Result}");
        return output.Result;
    }
}
