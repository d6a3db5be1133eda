using Guanxi.Relations.Metrics;
using Guanxi.Relations.Prompts;
using Guanxi.TestKit;
using Guanxi.Transformers;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Training.Ranks;
using Xunit;

namespace Guanxi.Relations.Tests;

public sealed class EvaluatorTests
{
    private static readonly RelationSchema s_schema = RelationSchema.FromLabels([["不知道"], ["夫妻"], ["好友"]], "test");

    [Fact]
    public void Rows_are_counted_with_aliases_failures_and_unknown_gold_labels()
    {
        // Rows of label and probabilities; the alias counts as 不知道, 同学 is a label that the schema has not, null is a row that fails.
        (string Gold, double[]? Probabilities)[] rows =
        [
            ("夫妻", [0.1, 0.8, 0.1]), ("unknown", [0.6, 0.2, 0.2]), ("好友", [0.1, 0.7, 0.2]), ("同学", [0.2, 0.2, 0.6]), ("夫妻", null),
        ];
        using var classifier = new StubClassifier([.. rows.Select(row => row.Probabilities)]);

        var evaluation = Run(classifier, [.. rows.Select(row => row.Gold)]);

        var result = evaluation.Result;
        Assert.Equal(["夫妻", "不知道", "好友", "同学", "夫妻"], evaluation.Rows.Select(row => row.Gold));
        Assert.Equal(["夫妻", "不知道", "夫妻", "好友", Evaluator.NoAnswer], evaluation.Rows.Select(row => row.Predicted));
        Assert.Equal(2.0 / 5, result.Report.Accuracy, 12);
        Assert.Equal(1, result.InvalidAnswers);
        Assert.NotNull(evaluation.Rows[4].Problem);

        // By hand: log loss over the three rows whose label has a probability; their confidences fall in three bins.
        Assert.Equal(-(Math.Log(0.8) + Math.Log(0.6) + Math.Log(0.2)) / 3, result.Calibration!.LogLoss, 12);
        Assert.Equal((0.2 + 0.4 + 0.7) / 3, result.Calibration!.ExpectedError, 12);
        Assert.Equal(TimeSpan.FromSeconds(2), result.Elapsed);
        Assert.InRange(result.Report.Weighted.F1, result.Interval.Low, result.Interval.High);
    }

    [Fact]
    public void Many_rows_come_back_in_order_with_progress()
    {
        var random = new Random(3);
        double[][] probabilities = [.. Enumerable.Range(0, 150).Select(_ => OneHot(random.Next(3)))];
        using var classifier = new StubClassifier(probabilities);
        var progress = new Progress();

        var evaluation = new Evaluator(new StubClock()).Evaluate(
            classifier, [.. probabilities.Select((_, row) => Row("夫妻", row))], progress, CancellationToken.None);

        Assert.Equal(probabilities.Select(row => s_schema.Labels[Array.IndexOf(row, 1)]), evaluation.Rows.Select(row => row.Predicted));
        Assert.Equal(150, progress.Reports[^1]);
        Assert.True(progress.Reports.Count > 1);
        Assert.Equal(
            ClassificationReport.Of([.. evaluation.Rows.Select(row => row.Gold)], [.. evaluation.Rows.Select(row => row.Predicted)])
                .ToString(),
            evaluation.Result.Report.ToString());
    }

    [Fact]
    public void Rows_without_label_are_refused_and_a_stop_is_obeyed()
    {
        using var classifier = new StubClassifier([OneHot(0), OneHot(1)]);
        var evaluator = new Evaluator(new StubClock());

        var refused = Assert.Throws<OptionsException>(
            () => evaluator.Evaluate(classifier, [Row("夫妻", 0), Row(null, 1)], null, CancellationToken.None));

        Assert.Contains("1 without one", refused.Message, StringComparison.Ordinal);
        Assert.Throws<OperationCanceledException>(
            () => evaluator.Evaluate(classifier, [Row("夫妻", 0)], null, new CancellationToken(canceled: true)));
    }

    [GoldenFact("golden/models/llama")]
    public void Free_answers_that_are_no_label_are_counted_and_shown_as_they_are()
    {
        using var leaks = new LeakCheck();
        using var model = TinyLanguageModel.Model();
        var template = PromptTemplate.Parse("{text}", s_schema.Labels, "test");
        var answers = new AnswerGenerator(
            model, TinyLanguageModel.Tokenizer(), template, s_schema, ForwardContext.Evaluate32, AnswerGenerator.Greedy);

        var evaluation = new Evaluator(new StubClock()).Evaluate(answers, TinyLanguageModel.Rows, RankGroup.Alone, null, CancellationToken.None);

        // A model of random weights writes no label.
        Assert.Equal(TinyLanguageModel.Rows.Length, evaluation.Result.InvalidAnswers);
        Assert.Equal(
            TinyLanguageModel.Rows.Select(row => answers.Answer(row, CancellationToken.None).Text),
            evaluation.Rows.Select(row => row.Predicted));
        Assert.Null(evaluation.Result.Calibration);
        Assert.Equal(0, evaluation.Result.Report.Accuracy);
    }

    private static double[] OneHot(int label) => [.. Enumerable.Range(0, 3).Select(other => other == label ? 1.0 : 0)];

    private static RelationExample Row(string? label, int row) =>
        TestRows.Named("甲和乙", "甲", "乙", label) with { Place = new SourcePlace("rows", row + 2, row + 1) };

    private static Evaluation Run(IRelationClassifier classifier, string[] gold) =>
        new Evaluator(new StubClock()).Evaluate(classifier, [.. gold.Select(Row)], null, CancellationToken.None);

    /// <summary>Answers row n with the n-th probabilities, or fails where there are none.</summary>
    private sealed class StubClassifier(IReadOnlyList<double[]?> probabilities) : IRelationClassifier
    {
        public RelationSchema Schema => s_schema;

        public IReadOnlyList<ClassifiedRow> Classify(IReadOnlyList<RelationExample> examples) =>
            [.. examples.Select(example => probabilities[example.Place.Row - 1] is { } row
                ? ClassifiedRow.Of(RelationPrediction.Of(s_schema, row))
                : ClassifiedRow.Failed(new Problem($"{example.Place}", "too long")))];

        public void Dispose()
        {
        }
    }

    /// <summary>A clock that goes on by two seconds at each look.</summary>
    private sealed class StubClock : TimeProvider
    {
        private long _seconds;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => _seconds += 2;
    }

    private sealed class Progress : IProgress<int>
    {
        public List<int> Reports { get; } = [];

        public void Report(int value) => Reports.Add(value);
    }
}
