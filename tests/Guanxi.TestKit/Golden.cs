using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Xunit;
using Xunit.Sdk;

namespace Guanxi.TestKit;

/// <summary>Finds reference outputs: first those kept in <c>tests/fixtures/golden</c>, then those of the shared folder beside the checkout.</summary>
public static class Golden
{
    /// <summary>Root of the checkout.</summary>
    public static string RepositoryRoot { get; } = FindRoot();

    /// <summary>The shared folder, or null when there is none. <c>GUANXI_SHARED</c> names another place.</summary>
    public static string? SharedRoot { get; } = FindShared();

    /// <summary>Path of a golden file or folder, or null when neither place has it.</summary>
    /// <param name="relative">Path below <c>golden/</c>, e.g. <c>models/llama</c>.</param>
    public static string? TryPath(string relative)
    {
        var kept = Path.Combine(RepositoryRoot, "tests", "fixtures", "golden", relative);
        if (Path.Exists(kept))
        {
            return kept;
        }

        return TrySharedPath(Path.Combine("golden", relative));
    }

    /// <summary>Path of a golden file or folder that must be there.</summary>
    public static string Locate(string relative) =>
        TryPath(relative) ?? throw new FileNotFoundException($"golden '{relative}' is neither in tests/fixtures/golden nor in the shared folder");

    /// <summary>Path of anything in the shared folder, or null when it is absent.</summary>
    public static string? TrySharedPath(string relative)
    {
        if (SharedRoot is null)
        {
            return null;
        }

        var path = Path.Combine(SharedRoot, relative);
        return Path.Exists(path) ? path : null;
    }

    /// <summary>Parses a golden JSON file.</summary>
    public static JsonElement Json(string relative)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Locate(relative)));
        return document.RootElement.Clone();
    }

    private static string FindRoot([CallerFilePath] string thisFile = "")
    {
        // The source path is right on the machine that built; the walk upwards serves a build that was moved.
        foreach (var start in new[] { Path.GetDirectoryName(thisFile)!, AppContext.BaseDirectory })
        {
            for (var folder = start; folder is not null; folder = Path.GetDirectoryName(folder))
            {
                if (File.Exists(Path.Combine(folder, "Guanxi.slnx")))
                {
                    return folder;
                }
            }
        }

        throw new DirectoryNotFoundException("no Guanxi.slnx above the test binaries");
    }

    private static string? FindShared()
    {
        var named = Environment.GetEnvironmentVariable("GUANXI_SHARED");
        var path = string.IsNullOrEmpty(named) ? Path.Combine(Path.GetDirectoryName(RepositoryRoot)!, "shared") : named;
        return Directory.Exists(Path.Combine(path, "golden")) ? path : null;
    }
}

/// <summary>A fact that needs a golden or shared file; it counts as skipped, with the reason, where the file is absent.</summary>
public sealed class GoldenFactAttribute : FactAttribute
{
    /// <summary>Skips when <paramref name="relative"/> is absent.</summary>
    /// <param name="relative">Path below the shared folder, e.g. <c>golden/models/llama</c> or <c>data/people-relation</c>.</param>
    public GoldenFactAttribute(string relative) => Skip = GoldenNeed.Reason(relative);
}

/// <summary>A theory that needs a golden or shared file; see <see cref="GoldenFactAttribute"/>.</summary>
public sealed class GoldenTheoryAttribute : TheoryAttribute
{
    /// <summary>Skips when <paramref name="relative"/> is absent.</summary>
    /// <param name="relative">Path below the shared folder.</param>
    public GoldenTheoryAttribute(string relative) => Skip = GoldenNeed.Reason(relative);
}

/// <summary>One row of a theory that needs a golden or shared file of its own; the row alone counts as skipped where that is absent.</summary>
public sealed class GoldenInlineDataAttribute : DataAttribute
{
    private readonly object[] _data;

    /// <summary>Skips the row when <paramref name="relative"/> is absent.</summary>
    /// <param name="relative">Path below the shared folder.</param>
    /// <param name="data">Arguments of the test.</param>
    public GoldenInlineDataAttribute(string relative, params object[] data)
    {
        _data = data;
        Skip = GoldenNeed.Reason(relative);
    }

    /// <inheritdoc/>
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [_data];
}

internal static class GoldenNeed
{
    // Of these collections the repository keeps only some folders: a test of a whole one needs the shared folder.
    private static readonly string[] s_keptInPart = ["golden/models", "golden/peft", "golden/quant", "golden/tokenizers"];

    public static string? Reason(string relative)
    {
        const string Prefix = "golden/";
        var found = relative.StartsWith(Prefix, StringComparison.Ordinal) && !s_keptInPart.Contains(relative)
            ? Golden.TryPath(relative[Prefix.Length..])
            : Golden.TrySharedPath(relative);
        return found is null ? $"needs shared/{relative}, which is not here" : null;
    }
}
