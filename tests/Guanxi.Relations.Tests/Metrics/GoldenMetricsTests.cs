using System.IO.Compression;
using System.Text.Json;
using Guanxi.Relations.Metrics;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Relations.Tests.Metrics;

/// <summary>Every case of the reference libraries; tolerances are those of the golden's own <c>case.json</c>.</summary>
public sealed class GoldenMetricsTests
{
    [GoldenFact("golden/metrics")]
    public void Classification_reports_are_equal()
    {
        var cases = 0;
        using var reader = new StreamReader(Unzip("metrics/reports.jsonl.gz"));
        while (reader.ReadLine() is { } line)
        {
            using var document = JsonDocument.Parse(line);
            Compare(document.RootElement);
            cases++;
        }

        Assert.Equal(1014, cases);
    }

    [GoldenFact("golden/metrics")]
    public void Wilson_intervals_are_equal()
    {
        foreach (var item in Golden.Json("metrics/wilson.json").EnumerateArray())
        {
            var interval = Wilson.Of(Int(item, "k"), Int(item, "n"), Number(item, "confidence"), "accuracy");
            Near(item, "low", interval.Low, 1e-10);
            Near(item, "high", interval.High, 1e-10);
        }
    }

    [GoldenFact("golden/metrics")]
    public void McNemar_p_values_are_equal()
    {
        foreach (var item in Golden.Json("metrics/mcnemar.json").EnumerateArray())
        {
            CompareMcNemar(item, McNemar.Of(Int(item, "b"), Int(item, "c")));
        }
    }

    [GoldenFact("golden/metrics")]
    public void Paired_bootstraps_are_equal()
    {
        using var document = JsonDocument.Parse(Unzip("metrics/bootstrap.json.gz"));
        foreach (var item in document.RootElement.EnumerateArray())
        {
            var (truth, a, b) = (Names(item, "truth"), Names(item, "a"), Names(item, "b"));
            var resamples = item.GetProperty("resamples").EnumerateArray().Select(rows =>
                rows.EnumerateArray().Select(row => row.GetInt32()).ToArray());
            var (first, second) = (LabelCounts.Of(truth, a, []), LabelCounts.Of(truth, b, []));
            double[] differences = [.. resamples.Select(rows => second.WeightedF1(rows) - first.WeightedF1(rows))];
            var expected = item.GetProperty("differences").EnumerateArray().Select(value => value.GetDouble()).ToArray();
            int[] all = [.. Enumerable.Range(0, truth.Length)];
            var interval = Bootstrap.IntervalOf(differences, Bootstrap.UsualLevel, "test");

            Near(item, "f1_a", first.WeightedF1(all), 1e-12);
            Near(item, "f1_b", second.WeightedF1(all), 1e-12);
            Assert.Equal(expected.Length, differences.Length);
            Assert.True(expected.Zip(differences, (left, right) => Math.Abs(left - right)).Max() <= 1e-12);
            Assert.Equal(item.GetProperty("interval_95")[0].GetDouble(), interval.Low, 1e-12);
            Assert.Equal(item.GetProperty("interval_95")[1].GetDouble(), interval.High, 1e-12);
            CompareMcNemar(item.GetProperty("mcnemar"), McNemar.Of(truth, a, b));
        }
    }

    [GoldenFact("golden/metrics")]
    public void Calibrations_are_equal()
    {
        using var document = JsonDocument.Parse(Unzip("metrics/calibration.json.gz"));
        foreach (var item in document.RootElement.EnumerateArray())
        {
            var probabilities = item.GetProperty("probabilities").EnumerateArray().Select(row =>
                row.EnumerateArray().Select(p => p.GetDouble()).ToArray()).ToArray();
            var result = Calibration.Of(probabilities, [.. item.GetProperty("truth").EnumerateArray().Select(label => label.GetInt32())]);

            Near(item, "accuracy", result.Accuracy, 1e-12);
            Near(item, "ece", result.ExpectedError, 1e-12);
            Near(item, "mce", result.MaximumError, 1e-12);
            Near(item, "brier", result.Brier, 1e-12);
            Near(item, "log_loss", result.LogLoss, 1e-12);
            Assert.Equal(item.GetProperty("bins").GetArrayLength(), result.Bins.Count);
            foreach (var (bin, expected) in result.Bins.Zip(item.GetProperty("bins").EnumerateArray()))
            {
                Assert.Equal((Int(expected, "bin"), Int(expected, "count")), (bin.Index, bin.Count));
                Near(expected, "accuracy", bin.Accuracy, 1e-12);
                Near(expected, "confidence", bin.Confidence, 1e-12);
            }
        }
    }

    [GoldenFact("data/people-relation")]
    public void Paired_tests_of_real_predictions_are_equal()
    {
        var truth = TestRows.Published("test").Select(row => row.Label!).ToArray();
        foreach (var pair in Golden.Json("real-runs/pairs.json").EnumerateArray())
        {
            var (first, second) = (Predictions(pair, "first"), Predictions(pair, "second"));
            var difference = ClassificationReport.Of(truth, second).Weighted.F1 - ClassificationReport.Of(truth, first).Weighted.F1;

            Near(pair, "weighted_f1_difference", difference, 1e-12);
            CompareMcNemar(pair, McNemar.Of(truth, first, second));
        }
    }

    private static string[] Predictions(JsonElement pair, string name)
    {
        using var reader = new StreamReader(Unzip($"real-runs/{pair.GetProperty(name).GetString()}.predictions.txt.gz"));
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static void Compare(JsonElement item)
    {
        var names = item.GetProperty("names").EnumerateArray().Select(name => name.GetString()!).ToArray();
        string[] Labels(string key) => [.. item.GetProperty(key).EnumerateArray().Select(index => names[index.GetInt32()])];
        var isListed = item.GetProperty("labels").ValueKind != JsonValueKind.Null;
        var report = isListed
            ? ClassificationReport.Of(Labels("truth"), Labels("predicted"), Labels("labels"))
            : ClassificationReport.Of(Labels("truth"), Labels("predicted"));

        Assert.Equal(item.GetProperty("text").GetString(), report.ToString());
        Assert.Equal(
            item.GetProperty("order").EnumerateArray().Select(entry =>
                entry.ValueKind == JsonValueKind.Number ? names[entry.GetInt32()] : entry.GetString()!),
            report.Labels);
        Assert.Equal(item.GetProperty("confusion").EnumerateArray().Select(row =>
            row.EnumerateArray().Select(count => count.GetInt32()).ToArray()), report.Confusion);
        Near(item, "accuracy", report.Accuracy, 1e-12);
        var kappa = item.GetProperty("kappa");
        Assert.Equal(kappa.ValueKind == JsonValueKind.Null, report.Kappa is null);
        Assert.Equal(kappa.ValueKind == JsonValueKind.Null ? 0 : kappa.GetDouble(), report.Kappa ?? 0, 1e-12);
        CompareAverages(item, report);
    }

    private static void CompareAverages(JsonElement item, ClassificationReport report)
    {
        var dictionary = item.GetProperty("dict");
        foreach (var row in report.PerLabel)
        {
            CompareScores(dictionary.GetProperty(row.Label), row.Scores, row.Support);
        }

        CompareScores(dictionary.GetProperty("macro avg"), report.Macro, report.Support);
        CompareScores(dictionary.GetProperty("weighted avg"), report.Weighted, report.Support);
        Assert.Equal(report.HasAccuracyLine, dictionary.TryGetProperty("accuracy", out _));
        foreach (var (name, scores) in new[] { ("macro", report.Macro), ("micro", report.Micro), ("weighted", report.Weighted) })
        {
            var expected = item.GetProperty("averages").GetProperty(name);
            Assert.Equal(expected[0].GetDouble(), scores.Precision, 1e-12);
            Assert.Equal(expected[1].GetDouble(), scores.Recall, 1e-12);
            Assert.Equal(expected[2].GetDouble(), scores.F1, 1e-12);
        }
    }

    private static void CompareScores(JsonElement expected, Scores scores, int support)
    {
        Near(expected, "precision", scores.Precision, 1e-12);
        Near(expected, "recall", scores.Recall, 1e-12);
        Near(expected, "f1-score", scores.F1, 1e-12);
        Near(expected, "support", support, 0);
    }

    private static void CompareMcNemar(JsonElement expected, McNemar result)
    {
        Assert.Equal((Int(expected, "b"), Int(expected, "c")), (result.OnlyFirstRight, result.OnlySecondRight));
        Near(expected, "exact", result.Exact, 1e-9 * Number(expected, "exact"));
        Near(expected, "mid_p", result.MidP, 1e-9 * Number(expected, "mid_p"));
    }

    private static void Near(JsonElement item, string name, double actual, double tolerance)
    {
        var expected = Number(item, name);
        Assert.True(Math.Abs(expected - actual) <= tolerance,
            $"{name}: expected {expected:R}, found {actual:R} in {item.GetRawText()[..Math.Min(200, item.GetRawText().Length)]}");
    }

    private static string[] Names(JsonElement item, string name) =>
        [.. item.GetProperty(name).EnumerateArray().Select(label => $"{label.GetInt32()}")];

    private static double Number(JsonElement item, string name) => item.GetProperty(name).GetDouble();

    private static int Int(JsonElement item, string name) => item.GetProperty(name).GetInt32();

    private static GZipStream Unzip(string relative) => new(File.OpenRead(Golden.Locate(relative)), CompressionMode.Decompress);
}
