namespace Guanxi.Transformers.Tests.Checkpoints;

/// <summary>A folder that lives as long as one test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string FullPath { get; } = Directory.CreateTempSubdirectory("guanxi-test-").FullName;

    public string this[string name] => Path.Combine(FullPath, name);

    public string Add(string name, string text)
    {
        File.WriteAllText(this[name], text);
        return this[name];
    }

    public string Add(string name, byte[] bytes)
    {
        File.WriteAllBytes(this[name], bytes);
        return this[name];
    }

    /// <summary>Names of the files and folders in it, sorted.</summary>
    public string[] Files() =>
        [.. Directory.EnumerateFileSystemEntries(FullPath).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(FullPath, recursive: true);
}
