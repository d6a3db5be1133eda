using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Guanxi.Cli.Server;
using Guanxi.Cli.Tests.Server;
using Guanxi.Cli.Web;
using Guanxi.TestKit;
using Xunit;
using YamlDotNet.Serialization;

namespace Guanxi.Cli.Tests.Deployment;

/// <summary>What lies in <c>deploy/</c> says of the server what is true of it.</summary>
public sealed partial class DeployedFilesTests
{
    private const string Kubernetes = "kubernetes";

    [Fact]
    public async Task Kubernetes_asks_addresses_that_are_there()
    {
        await using var server = await ServerUnderTest.ListenAsync();
        var pod = Pod();
        var container = Assert.Single(List(pod, "containers"));
        var port = Assert.Single(List(container, "ports"));
        var monitor = Assert.Single(List(Manifest("PodMonitor"), "spec", "podMetricsEndpoints"));

        foreach (var probe in (string[])["startupProbe", "readinessProbe", "livenessProbe"])
        {
            var get = Map(container, probe, "httpGet");
            Assert.Equal(port["name"], get["port"]);
            var isAlive = probe == "livenessProbe";
            (await server.GetAsync(Text(get, "path"))).Expect(isAlive ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable);
        }

        Assert.Equal(port["name"], monitor["port"]);
        (await server.GetAsync(Text(monitor, "path"))).Expect(HttpStatusCode.OK);
        Assert.Equal(port["name"], Assert.Single(List(Manifest("Service"), "spec", "ports"))["targetPort"]);
        Assert.Contains($"http://0.0.0.0:{port["containerPort"]}", Words(container, "args"));
        Assert.Matches($@"(?m)^EXPOSE {port["containerPort"]}$", Read("Dockerfile"));
        AssertOptionsOfServe(Words(container, "args"));
    }

    [Fact]
    public async Task The_autoscaler_looks_at_a_metric_of_the_server()
    {
        await using var server = await ServerUnderTest.ListenAsync();
        var scaler = Map(Manifest("HorizontalPodAutoscaler"), "spec");
        var metric = Text(Map(Assert.Single(List(scaler, "metrics")), "pods", "metric"), "name");
        var rule = Assert.Single(List(Documents($"{Kubernetes}/prometheus-adapter.yaml").Single(), "rules", "custom"));

        Assert.Matches($@"(?m)^{metric} \d+$", (await server.GetAsync("/metrics")).Body);
        Assert.StartsWith(metric + "{", Text(rule, "seriesQuery"), StringComparison.Ordinal);
        Assert.Equal(metric, Text(Map(rule, "name"), "as"));
        Assert.Equal(Text(Map(Manifest("Deployment"), "metadata"), "name"), Text(Map(scaler, "scaleTargetRef"), "name"));
    }

    [Fact]
    public void Pods_are_chosen_by_the_labels_that_they_have_and_may_do_little()
    {
        var labels = Map(Manifest("Deployment"), "spec", "template", "metadata", "labels");
        var container = Assert.Single(List(Pod(), "containers"));
        var may = Map(container, "securityContext");

        Assert.Equal(labels, Map(Manifest("Deployment"), "spec", "selector", "matchLabels"));
        Assert.Equal(labels, Map(Manifest("Service"), "spec", "selector"));
        Assert.Equal(labels, Map(Manifest("PodMonitor"), "spec", "selector", "matchLabels"));
        Assert.Equal(labels, Map(Manifest("PodDisruptionBudget"), "spec", "selector", "matchLabels"));
        Assert.Equal(("true", "false"), (Text(may, "readOnlyRootFilesystem"), Text(may, "allowPrivilegeEscalation")));
        Assert.Equal("true", Text(Map(Pod(), "securityContext"), "runAsNonRoot"));
        Assert.Matches($@"(?m)^USER {Text(Map(Pod(), "securityContext"), "runAsUser")}:", Read("Dockerfile"));
    }

    [Fact]
    public void Everyone_waits_until_the_server_has_ended_by_itself()
    {
        var container = Assert.Single(List(Pod(), "containers"));
        var before = Seconds(Words(Map(container, "lifecycle", "preStop", "exec"), "command")[^1]);
        var unit = Read("guanxi@.service");

        Assert.True(Seconds(Text(Pod(), "terminationGracePeriodSeconds")) > before + RelationHost.LongestEnd);
        Assert.True(Seconds(Setting(unit, "TimeoutStopSec")) > RelationHost.LongestEnd);
        Assert.True(Seconds(Regex.Match(Read("Dockerfile"), @"--stop-timeout (\d+)").Groups[1].Value) > RelationHost.LongestEnd);
        Assert.Equal($"{ExitCode.Stopped}", Setting(unit, "SuccessExitStatus"));
        Assert.Equal($"{ExitCode.WrongCall}", Setting(unit, "RestartPreventExitStatus"));
        AssertOptionsOfServe(Setting(unit, "ExecStart").Split(' '));
    }

    [Fact]
    public void Nginx_has_the_limits_of_the_server()
    {
        var nginx = Read("nginx.conf");

        Assert.Equal($"{RequestBody.MostBytes / 1024}k", Directive(nginx, "client_max_body_size"));
        Assert.Equal($"{RequestBody.MostBytes / 1024}k", Directive(nginx, "client_body_buffer_size"));
        Assert.Contains($"at most {RequestBody.MostBytes} bytes", nginx, StringComparison.Ordinal);
        Assert.True(Seconds(Directive(nginx, "proxy_read_timeout")) > RelationService.LongestWait);

        // What the server itself gave up after its longest wait is not asked again.
        Assert.True(Seconds(Directive(nginx, "proxy_next_upstream_timeout")) < RelationService.LongestWait);

        // A connection that nginx keeps for a minute, its default, must not be closed under it.
        Assert.True(WebServer.IdleLimit > TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task The_image_is_healthy_when_requests_are_taken()
    {
        using var classifier = new HeldClassifier();
        classifier.ReleaseAll();
        await using var server = await ServerUnderTest.ListenAsync();
        var words = JsonSerializer.Deserialize<string[]>(HealthCheck().Match(Read("Dockerfile")).Groups[1].Value)!;
        var script = words[^1].Replace("/8080", $"/{new Uri(server.Host.Urls.Single()).Port}", StringComparison.Ordinal);

        Assert.False(SystemCommand.Succeeds(words[0], [.. words[1..^1], script]));
        server.Host.Serve(classifier, "model", "method");
        Assert.True(SystemCommand.Succeeds(words[0], [.. words[1..^1], script]));
    }

    [CommandFact("systemd-analyze")]
    public void Systemd_understands_the_unit()
    {
        using var folder = new TemporaryFolder();
        var unit = folder.Add("guanxi@.service", Read("guanxi@.service").Replace("/opt/guanxi/guanxi", "/bin/true", StringComparison.Ordinal));

        Assert.True(SystemCommand.Succeeds("systemd-analyze", "verify", unit));
    }

    private static void AssertOptionsOfServe(string[] words)
    {
        Assert.Contains("serve", words);
        var help = InProcess.Run("serve", "--help").Expect(ExitCode.Done).Output;
        Assert.All(words.Where(word => word.StartsWith("--", StringComparison.Ordinal)), word => Assert.Contains($" {word} ", help, StringComparison.Ordinal));
    }

    private static string Read(string name) => File.ReadAllText(Path.Combine(Golden.RepositoryRoot, "deploy", name));

    private static string Directive(string nginx, string name) => Regex.Match(nginx, $@"(?m)^ *{name} ([^;]+);").Groups[1].Value;

    private static string Setting(string unit, string name) => Regex.Match(unit, $"(?m)^{name}=(.*)$").Groups[1].Value;

    private static TimeSpan Seconds(string text) => TimeSpan.FromSeconds(int.Parse(text.TrimEnd('s'), CultureInfo.InvariantCulture));

    private static Dictionary<object, object> Pod() => Map(Manifest("Deployment"), "spec", "template", "spec");

    private static Dictionary<object, object> Manifest(string kind) => Directory.GetFiles(Path.Combine(Golden.RepositoryRoot, "deploy", Kubernetes))
        .SelectMany(file => Documents($"{Kubernetes}/{Path.GetFileName(file)}")).Single(document => document.TryGetValue("kind", out var found) && (string)found == kind);

    private static IEnumerable<Dictionary<object, object>> Documents(string name) =>
        Read(name).Split("\n---\n").Select(text => new DeserializerBuilder().Build().Deserialize<Dictionary<object, object>>(text));

    private static Dictionary<object, object> Map(Dictionary<object, object> map, params string[] path) =>
        path.Aggregate(map, (inner, name) => (Dictionary<object, object>)inner[name]);

    private static Dictionary<object, object>[] List(Dictionary<object, object> map, params string[] path) =>
        [.. ((List<object>)Map(map, path[..^1])[path[^1]]).Cast<Dictionary<object, object>>()];

    private static string[] Words(Dictionary<object, object> map, string name) => [.. ((List<object>)map[name]).Cast<string>()];

    private static string Text(Dictionary<object, object> map, string name) => (string)map[name];

    [GeneratedRegex(@"HEALTHCHECK[^\n]*\\\n *CMD (\[[^\n]*\])")]
    private static partial Regex HealthCheck();
}
