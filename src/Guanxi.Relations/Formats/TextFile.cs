using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>Opens files so that whatever the operating system objects to is said in our words.</summary>
internal static class TextFile
{
    private const int BufferBytes = 1 << 16;

    public static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes, FileOptions.SequentialScan);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            var what = Directory.Exists(path) ? "this is a folder, not a file" : fault switch
            {
                FileNotFoundException or DirectoryNotFoundException => "there is no such file",
                UnauthorizedAccessException => "the file may not be read",
                _ => $"the file cannot be opened ({fault.Message})",
            };
            throw new OptionsException(new Problem(path.Length == 0 ? "file" : path, what));
        }
    }

    /// <summary>The whole text of a UTF-8 file, line ends as line feeds.</summary>
    public static string ReadAll(string path)
    {
        using var stream = Open(path);
        var lines = new TextLines(stream, path).Read().ToArray();
        var problems = lines.Where(line => line.Problem is not null).Select(line => line.Problem!.ToProblem()).ToArray();
        return problems.Length > 0 ? throw new OptionsException(problems) : string.Join('\n', lines.Select(line => line.Text));
    }
}
