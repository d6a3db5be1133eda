using Xunit;

namespace Guanxi.Cli.Tests;

/// <summary>A folder that lives as long as one test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string FullPath { get; } = Directory.CreateTempSubdirectory("guanxi-test-").FullName;

    public string this[string name] => Path.Combine(FullPath, name);

    public string Add(string name, params IEnumerable<string> lines)
    {
        File.WriteAllText(this[name], string.Concat(lines.Select(line => line + "\n")));
        return this[name];
    }

    /// <summary>A copy of a folder's files, whose content may be spoilt.</summary>
    public string Copy(string folder, string name)
    {
        Directory.CreateDirectory(this[name]);
        foreach (var file in Directory.EnumerateFiles(folder))
        {
            File.Copy(file, Path.Combine(this[name], Path.GetFileName(file)));
        }

        return this[name];
    }

    /// <summary>The same, of which one file keeps its reader waiting for ever: a pipe that nobody writes into.</summary>
    public void CopyHeld(string folder, string name, string held)
    {
        var file = Path.Combine(Copy(folder, name), held);
        File.Delete(file);
        Assert.True(SystemCommand.Succeeds("mkfifo", file));
    }

    public void Dispose() => Directory.Delete(FullPath, recursive: true);
}
