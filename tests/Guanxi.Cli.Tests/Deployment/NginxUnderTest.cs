using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Deployment;

/// <summary>Debian's nginx with the deployed configuration, as an ordinary process in a folder of its own.</summary>
internal sealed class NginxUnderTest : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly string _log;
    private readonly Process _process;

    /// <summary>Starts it and waits until it listens.</summary>
    /// <param name="folder">Where its files go.</param>
    /// <param name="servers">Ports of the two servers behind it.</param>
    public NginxUnderTest(TemporaryFolder folder, params IReadOnlyList<int> servers)
    {
        var port = Loopback.FreePort();
        _log = folder["access.log"];
        folder.Add("guanxi.conf", Deployed(
            ("listen 8080;", $"listen 127.0.0.1:{port};"), ("127.0.0.1:5001 ", $"127.0.0.1:{servers[0]} "), ("127.0.0.1:5002 ", $"127.0.0.1:{servers[1]} "),
            ("/var/log/nginx/guanxi.log", _log)));
        var config = folder.Add("nginx.conf", [
            "daemon off;", "worker_processes 2;", $"pid {folder["nginx.pid"]};", $"error_log {folder["error.log"]};", "events { worker_connections 256; }", "http {",
            .. ((string[])["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]).Select(kind => $"{kind}_temp_path {folder[kind]};"),
            $"include {folder["guanxi.conf"]};", "}"]);
        Url = Loopback.UrlOf(port);
        _process = Process.Start(new ProcessStartInfo(Program!, ["-e", "stderr", "-p", folder.FullPath, "-c", config]))!;
        WaitUntilItListens(port);
    }

    /// <summary>The program; null where there is none.</summary>
    public static string? Program { get; } =
        ((string[])["/usr/sbin/nginx", Path.Combine(Golden.RepositoryRoot, "build", "nginx", "usr", "sbin", "nginx")]).FirstOrDefault(File.Exists);

    /// <summary>Its address.</summary>
    public string Url { get; }

    /// <summary>What it logged of every request so far.</summary>
    public IReadOnlyList<JsonElement> Log => [.. File.ReadLines(_log).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];

    public void Dispose()
    {
        // The signal goes to the master, which ends its workers; killed, it would leave them behind.
        ChildProgram.Send(_process.Id, ChildProgram.TerminateSignal);
        _process.WaitForExit();
        _process.Dispose();
    }

    private static string Deployed(params (string Value, string Here)[] values)
    {
        var config = File.ReadAllText(Path.Combine(Golden.RepositoryRoot, "deploy", "nginx.conf"));
        foreach (var (value, here) in values)
        {
            Assert.Single(config.Split(value).Skip(1));
            config = config.Replace(value, here, StringComparison.Ordinal);
        }

        return config;
    }

    private void WaitUntilItListens(int port)
    {
        for (var start = Stopwatch.GetTimestamp(); ; Thread.Sleep(TimeSpan.FromMilliseconds(10)))
        {
            Assert.False(_process.HasExited, "nginx does not take the configuration");
            try
            {
                using var connection = new TcpClient("127.0.0.1", port);
                return;
            }
            catch (SocketException) when (Stopwatch.GetElapsedTime(start) < s_patience)
            {
                // It is on its way.
            }
        }
    }
}

/// <summary>A fact that needs nginx; it counts as skipped, with the reason, where there is none.</summary>
internal sealed class NginxFactAttribute : FactAttribute
{
    /// <summary>Skips where there is no nginx.</summary>
    public NginxFactAttribute() => Skip = NginxUnderTest.Program is null ? "needs nginx, which is not here (apt-get install nginx)" : null;
}
