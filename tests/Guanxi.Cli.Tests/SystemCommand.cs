using System.ComponentModel;
using System.Diagnostics;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests;

/// <summary>Commands of the system that tests need and a machine may forbid.</summary>
internal static class SystemCommand
{
    /// <summary>Runs a command; false when it fails or is not there.</summary>
    public static bool Succeeds(string command, params string[] words)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command, words) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            // There is no such command.
            return false;
        }
    }
}

/// <summary>A fact that needs a command; it counts as skipped, with the reason, where there is none.</summary>
internal sealed class CommandFactAttribute : FactAttribute
{
    /// <summary>Skips where the command is not there.</summary>
    public CommandFactAttribute(string command) =>
        Skip = SystemCommand.Succeeds("which", command) ? null : $"needs {command}, which is not here";
}

/// <summary>A fact that mounts a file system; it counts as skipped, with the reason, where that is forbidden.</summary>
internal sealed class MountFactAttribute : FactAttribute
{
    /// <summary>Skips when a golden is absent, or nothing can be mounted.</summary>
    public MountFactAttribute(string golden) =>
        Skip = Golden.TryPath(golden[(golden.IndexOf('/', StringComparison.Ordinal) + 1)..]) is null ? $"{golden} is not here" : s_reason.Value;

    private static readonly Lazy<string?> s_reason = new(() =>
    {
        var folder = Directory.CreateTempSubdirectory("guanxi-mount-").FullName;
        try
        {
            return SystemCommand.Succeeds("mount", "-t", "tmpfs", "-o", "size=1m", "guanxi-test", folder) && SystemCommand.Succeeds("umount", folder)
                ? null
                : "this machine forbids mounting (it takes root)";
        }
        finally
        {
            Directory.Delete(folder);
        }
    });
}

/// <summary>A fact that makes network namespaces; it counts as skipped, with the reason, where that is forbidden.</summary>
internal sealed class NamespaceFactAttribute : FactAttribute
{
    /// <summary>Skips when a golden is absent, or there can be no namespaces.</summary>
    public NamespaceFactAttribute(string golden) =>
        Skip = Golden.TryPath(golden[(golden.IndexOf('/', StringComparison.Ordinal) + 1)..]) is null ? $"{golden} is not here" : s_reason.Value;

    private static readonly Lazy<string?> s_reason = new(() =>
    {
        var name = $"guanxi-probe-{Environment.ProcessId}";
        return SystemCommand.Succeeds("ip", "netns", "add", name) && SystemCommand.Succeeds("ip", "netns", "delete", name)
            ? null
            : "this machine forbids network namespaces (they take root and iproute2)";
    });
}
