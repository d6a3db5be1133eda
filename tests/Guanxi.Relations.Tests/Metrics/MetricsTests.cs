using System.Text.Json;
using Guanxi.Relations.Metrics;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.Metrics;

public sealed class MetricsTests
{
    [Theory]
    [InlineData(1.0 / 32, "0.0312")]
    [InlineData(3.0 / 32, "0.0938")]
    [InlineData(0.00005, "0.0001")]
    [InlineData(0.00015, "0.0001")]
    [InlineData(0.99995, "1.0000")]
    [InlineData(0.99994, "0.9999")]
    [InlineData(0.12345, "0.1235")]
    [InlineData(1, "1.0000")]
    [InlineData(0, "0.0000")]
    public void Four_digits_are_rounded_on_the_exact_value_half_to_even(double number, string expected) =>
        Assert.Equal(expected, ReportText.Fixed4(number));

    [Fact]
    public void Rows_must_match()
    {
        Assert.Throws<OptionsException>(() => ClassificationReport.Of([], []));
        Assert.Throws<OptionsException>(() => ClassificationReport.Of(["a"], ["a", "b"]));
        Assert.Throws<ArgumentException>(() => Calibration.Of([], []));
    }

    [Fact]
    public void The_same_seed_gives_the_same_interval_and_it_holds_the_score()
    {
        var truth = Enumerable.Range(0, 300).Select(row => $"{row % 3}").ToArray();
        var predicted = truth.Select((label, row) => row % 5 == 0 ? "0" : label).ToArray();
        var interval = Bootstrap.WeightedF1(truth, predicted, 0.95, 500, 42);
        var score = ClassificationReport.Of(truth, predicted).Weighted.F1;

        Assert.Equal(interval, Bootstrap.WeightedF1(truth, predicted, 0.95, 500, 42));
        Assert.NotEqual(interval, Bootstrap.WeightedF1(truth, predicted, 0.95, 500, 43));
        Assert.InRange(score, interval.Low, interval.High);
        // About four standard deviations of a proportion of 0.87 in 300 rows.
        Assert.InRange(interval.High - interval.Low, 0.03, 0.12);
    }

    [Fact]
    public void Resamples_reach_every_row_about_equally()
    {
        var hits = new int[10];
        foreach (var row in Bootstrap.Resamples(10, 5000, 1).SelectMany(rows => rows))
        {
            hits[row]++;
        }

        // 5000 expected, standard deviation 67; five of them.
        Assert.All(hits, count => Assert.InRange(count, 4660, 5340));
    }

    [Fact]
    public void Holm_multiplies_the_smallest_most_and_keeps_the_order() =>
        Assert.Equal([0.03, 0.06, 0.06, 0.7], HolmCorrection.Adjust([0.0075, 0.025, 0.02, 0.7]).Select(p => Math.Round(p, 12)));

    [Fact]
    public void The_json_of_an_evaluation_has_every_agreed_key()
    {
        var report = ClassificationReport.Of(["夫妻", "夫妻", "好友", "好友"], ["夫妻", "好友", "好友", "出生地"], ["夫妻", "好友"]);
        var result = new EvaluationResult(report, Wilson.Of(2, 4, 0.95, "accuracy"), 1, null, TimeSpan.FromSeconds(2));
        var json = JsonSerializer.Deserialize<JsonElement>(result.ToJson());

        Assert.DoesNotContain('\n', result.ToJson());
        Assert.Equal(0.5, json.GetProperty("accuracy").GetDouble());
        Assert.Equal(0.75, json.GetProperty("macro").GetProperty("precision").GetDouble());
        Assert.Equal(0.5, json.GetProperty("weighted").GetProperty("recall").GetDouble());
        Assert.Equal(2.0 / 3, json.GetProperty("micro").GetProperty("precision").GetDouble());
        Assert.Equal(Wilson.Of(2, 4, 0.95, "accuracy").Low, json.GetProperty("accuracy_interval").GetProperty("low").GetDouble());
        Assert.Equal("[]", json.GetProperty("slices").GetRawText());
        Assert.Equal(4, json.GetProperty("support").GetInt32());
        Assert.Equal(2, json.GetProperty("per_label").GetProperty("好友").GetProperty("support").GetInt32());
        Assert.Equal("[[1, 1], [0, 1]]", json.GetProperty("confusion").GetProperty("matrix").GetRawText());
        Assert.Equal("accuracy", json.GetProperty("interval").GetProperty("metric").GetString());
        Assert.Equal(1, json.GetProperty("invalid_answers").GetInt32());
        Assert.Equal(JsonValueKind.Null, json.GetProperty("ece").ValueKind);
        Assert.Equal(JsonValueKind.Null, json.GetProperty("log_loss").ValueKind);
        Assert.Equal((2, 2), (json.GetProperty("seconds").GetDouble(), json.GetProperty("rows_per_second").GetDouble()));
    }

    [Fact]
    public void The_json_has_bins_slices_and_errors_where_they_are_known()
    {
        string[] labels = ["夫妻", "好友"];
        EvaluatedRow Row(string gold, double[] probabilities) => new(
            TestRows.Marked("<e1>甲</e1>和<e2>乙</e2>", gold, row: 7), gold, labels[probabilities[0] > 0.5 ? 0 : 1],
            new RelationPrediction(labels[probabilities[0] > 0.5 ? 0 : 1], probabilities.Max(), probabilities), null);
        var evaluation = Evaluator.Summarise([Row("夫妻", [0.9, 0.1]), Row("好友", [0.75, 0.25])], labels, labels, null);

        var json = JsonSerializer.Deserialize<JsonElement>(evaluation.Result.ToJson());

        var bins = json.GetProperty("reliability_bins");
        Assert.Equal((2, 11.0 / 15, 12.0 / 15), (bins.GetArrayLength(), bins[0].GetProperty("low").GetDouble(), bins[0].GetProperty("high").GetDouble()));
        Assert.Equal((1, 0.0, 0.75), (bins[0].GetProperty("rows").GetInt32(), bins[0].GetProperty("accuracy").GetDouble(), bins[0].GetProperty("confidence").GetDouble()));
        Assert.Equal(evaluation.Result.Calibration!.Brier, json.GetProperty("brier").GetDouble());
        Assert.Equal("length", json.GetProperty("slices")[0].GetProperty("by").GetString());
        var error = Assert.Single(json.GetProperty("confident_errors").EnumerateArray());
        Assert.Equal((7, "好友", "夫妻", 0.25), (
            error.GetProperty("row").GetInt32(), error.GetProperty("gold").GetString(), error.GetProperty("prediction").GetString(),
            error.GetProperty("gold_probability").GetDouble()));
    }
}
