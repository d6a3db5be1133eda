using System.Text;
using System.Text.Json;
using Xunit;

namespace Guanxi.Cli.Tests;

/// <summary>What a run of the program came to.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Bytes">Standard output.</param>
/// <param name="Error">Standard error.</param>
internal sealed record ProgramResult(int ExitCode, byte[] Bytes, string Error)
{
    /// <summary>Standard output; anything but UTF-8 fails.</summary>
    public string Output { get; } = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(Bytes);

    /// <summary>Lines of standard output.</summary>
    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Lines of standard output as JSON.</summary>
    public JsonElement[] Rows => [.. Lines.Select(line => JsonSerializer.Deserialize<JsonElement>(line))];

    /// <summary>The last line of standard output as JSON.</summary>
    public JsonElement LastRow => JsonSerializer.Deserialize<JsonElement>(Lines[^1]);

    /// <summary>Asserts the exit code, and that nobody is shown a stack trace or a colour.</summary>
    public ProgramResult Expect(int exitCode)
    {
        Assert.True(ExitCode == exitCode, $"exit code {ExitCode}, expected {exitCode}\n{Output}\n{Error}");
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', Error + Output);
        return this;
    }
}
