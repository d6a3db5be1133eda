using System.Text.Json.Nodes;
using Guanxi.Cli.Benchmarks;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Cli.Tests.Benchmarks;

/// <summary><c>bench all</c>: how results become figures, goals, a table and a page. Nothing here asks how fast a machine is.</summary>
public sealed class BenchmarkSuiteTests
{
    private static readonly KeyValuePair<string, string>[] s_facts = [new("Processor", "one <of> many")];

    [Fact]
    public void Every_measurement_is_a_case_that_the_verb_knows_and_names_the_command_that_makes_it_alone()
    {
        var commands = BenchmarkSuite.Of(BenchmarkEffort.Full).Select(measurement => measurement.Command).ToArray();

        Assert.Equal(commands.Distinct(), commands);
        Assert.Contains("./guanxi bench train --shape 7b --layers 1", commands);
        Assert.Contains("./guanxi bench serve --shape 0.44b", commands);
        Assert.All(["peak", "startup", "decode", "kernels"], name => Assert.Contains(commands, command => command.Contains($" {name}", StringComparison.Ordinal)));
        Assert.All(BenchmarkSuite.Of(BenchmarkEffort.Quick), measurement => Assert.Equal("--quick", measurement.Words[^1]));
    }

    [Theory]
    [InlineData(0.7, 0.5, true, false)]
    [InlineData(0.6, 0.65, false, true)]
    public void A_layer_is_told_by_its_shares_and_both_goals(double forward, double backward, bool meetsForward, bool meetsBackward)
    {
        var figures = Read("train --shape 7b --layers 1", $$"""
            {"shape": "7b", "peak_gflops": 200, "forward_peak_share": {{forward}}, "backward_peak_share": {{backward}} }
            """);

        Assert.Equal([forward, backward], figures.Select(figure => figure.PeakShare!.Value));
        Assert.Equal([200 * forward, 200 * backward], figures.Select(figure => figure.Value));
        Assert.Equal([meetsForward, meetsBackward], figures.Select(figure => figure.Goal!.IsMet));
        Assert.StartsWith("68\u00A0% of the peak", figures[0].GoalText, StringComparison.Ordinal);
    }

    [Fact]
    public void A_request_is_held_against_the_goal_that_its_own_peak_makes()
    {
        const string Result = """
            {"shape": "0.44b", "p50_ms": 530, "p99_ms": 600, "peak_share": 0.36, "goal_ms": 314,
             "prefill": [{"tokens": 55, "milliseconds": 80, "peak_share": 0.56}, {"tokens": 512, "milliseconds": 700, "peak_share": 0.7}]}
            """;

        var figures = Read("serve --shape 0.44b", Result);

        Assert.Equal(("530 ms", "at most 314 ms, missed"), (figures[0].ValueText, figures[0].GoalText));
        Assert.Equal([true, false], figures.Skip(2).Select(figure => figure.Goal!.IsMet));
        Assert.Equal("at most 314 ms, missed", Read("serve --shape bert-base", Result)[0].GoalText);
    }

    [Fact]
    public void Starts_and_limits_of_the_machine_are_read()
    {
        var starts = Read("startup", """{"help_seconds": 0.2, "serve_ready_seconds": 2.5, "selfcheck_seconds": 4}""");
        var limits = Read("peak", """
            {"peak_gflops_fp32": 1200.4, "peak_gflops_bf16": null, "product_gflops": 600.2, "product_peak_share": 0.5, "memory_bytes_per_second": 2e10}
            """);

        Assert.Equal([true, false, true], starts.Select(figure => figure.Goal!.IsMet));
        Assert.Equal(["1,200 GFLOP/s", "600.2 GFLOP/s", "20 GB/s"], limits.Select(figure => figure.ValueText));
    }

    [Fact]
    public void A_measurement_that_fails_is_told_with_its_reason_and_the_rest_goes_on()
    {
        var measurements = BenchmarkSuite.Of(BenchmarkEffort.Full).Take(2).ToArray();
        var begun = new List<Measurement>();

        var results = BenchmarkSuite.Run(measurements, Answer, begun.Add);
        var report = new SuiteReport(results, s_facts);
        using var table = new StringWriter();
        report.WriteTable(table);
        var json = report.ToJson(TimeSpan.FromSeconds(3));

        Assert.Equal(measurements, begun);
        Assert.True(report.HasFailure);
        Assert.Contains("failed", table.ToString(), StringComparison.Ordinal);
        Assert.Contains("bench: no <peak>", table.ToString(), StringComparison.Ordinal);
        Assert.Contains("1 measurement failed", table.ToString(), StringComparison.Ordinal);
        Assert.Equal("bench: no <peak>", json["figures"]![0]!["failure"]!.GetValue<string>());
        Assert.Equal(4, json["figures"]!.AsArray().Count);
        Assert.True(json["figures"]![1]!["goal_met"]!.GetValue<bool>());
        Assert.Equal("./guanxi bench startup", json["figures"]![1]!["command"]!.GetValue<string>());
        var page = report.ToHtml();
        Assert.All(["bench: no &lt;peak&gt;", "one &lt;of&gt; many", "<code>./guanxi bench startup</code>"], part => Assert.Contains(part, page, StringComparison.Ordinal));

        static JsonObject Answer(IReadOnlyList<string> words) => words[0] == "peak"
            ? throw new JobFailedException(new Problem("bench", "no <peak>"))
            : Parse("""{"help_seconds": 0.2, "serve_ready_seconds": 1, "selfcheck_seconds": 4}""");
    }

    [Fact]
    public void A_result_without_a_figure_that_is_wanted_counts_as_failed()
    {
        var result = BenchmarkSuite.Run([BenchmarkSuite.Of(BenchmarkEffort.Full)[1]], _ => Parse("""{"help_seconds": 0.2}"""), _ => { }).Single();

        Assert.Empty(result.Figures);
        Assert.Contains("serve_ready_seconds", result.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public void Everything_is_measured_by_one_call_and_leaves_a_page()
    {
        using var folder = new TemporaryFolder();

        var shown = ChildProgram.Run("bench", "all", "--quick", "--report", folder["results.html"], "--json", "-").Expect(ExitCode.Done);

        var figures = shown.LastRow.GetProperty("figures").EnumerateArray().ToArray();
        var topics = figures.Select(figure => figure.GetProperty("topic").GetString()).Distinct();
        Assert.Equal(["Limits of the machine", "Start", "Training", "Serving", "Generation", "Kernels and tokenizers"], topics);
        Assert.All(figures, figure => Assert.True(figure.GetProperty("value").GetDouble() > 0, figure.GetRawText()));
        Assert.Contains("Instruction sets", shown.LastRow.GetProperty("machine").EnumerateObject().Select(fact => fact.Name));
        var page = File.ReadAllText(folder["results.html"]);
        Assert.All(figures, figure => Assert.Contains($"<code>{figure.GetProperty("command").GetString()}</code>", page, StringComparison.Ordinal));
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
    }

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();

    private static Figure[] Read(string command, string json) =>
        [.. BenchmarkSuite.Of(BenchmarkEffort.Full).Single(item => item.Command == $"./guanxi bench {command}").Read(Parse(json))];
}
