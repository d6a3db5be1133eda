using Guanxi.Relations.Prompts;
using Guanxi.Relations.Serving;
using Guanxi.TestKit;
using Guanxi.Transformers;
using Guanxi.Transformers.Nn;
using Xunit;

namespace Guanxi.Relations.Tests.Serving;

/// <summary>The queue before the model: what is computed together, refused, given up, remembered and finished.</summary>
public sealed class RelationEngineTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    private readonly HeldClassifier _classifier = new();

    public void Dispose() => _classifier.Dispose();

    [Fact]
    public async Task What_waits_runs_together_and_nothing_waits_for_company()
    {
        using var engine = Engine(new RelationEngineOptions { BatchRows = 4 });
        var first = Ask(engine, "夫妻0");
        Assert.True(_classifier.WaitForPass(s_patience));
        var others = Enumerable.Range(1, 5).Select(i => Ask(engine, $"父母{i}")).ToArray();
        Assert.Equal((5, 1), (engine.Counts.Waiting, engine.Counts.Running));
        _classifier.ReleaseAll();

        Assert.Equal("夫妻", (await first).Label);
        Assert.All(await Task.WhenAll(others), prediction => Assert.Equal("父母", prediction.Label));
        Assert.Equal([1, 4, 1], _classifier.Batches.Select(batch => batch.Length));
        Assert.Equal((6L, 6L, 6L), (engine.Counts.Accepted, engine.Counts.Done, engine.Counts.RowsComputed));
    }

    [Fact]
    public async Task A_full_queue_refuses_at_once_and_says_when_to_try_again()
    {
        var clock = new Clock();
        using var engine = new RelationEngine(_classifier, new RelationEngineOptions { QueueCapacity = 3 }, clock);
        var slow = Ask(engine, "slow");
        Assert.True(_classifier.WaitForPass(s_patience));
        clock.Advance(TimeSpan.FromSeconds(6));
        _classifier.Release(1);
        await slow;
        var running = Ask(engine, "0");
        Assert.True(_classifier.WaitForPass(s_patience));
        var waiting = Enumerable.Range(1, 3).Select(i => Ask(engine, $"{i}")).ToArray();

        var refused = await Assert.ThrowsAsync<QueueFullException>(() => Ask(engine, "4"));
        Assert.Equal(TimeSpan.FromSeconds(3 * 6), refused.RetryAfter);
        Assert.Equal((3, 1L), (engine.Counts.Waiting, engine.Counts.Rejected));

        _classifier.ReleaseAll();
        await Task.WhenAll([running, .. waiting]);
        Assert.Equal("夫妻", (await Ask(engine, "4")).Label);
    }

    [Fact]
    public async Task Who_gives_up_leaves_the_queue_is_never_computed_and_frees_the_place()
    {
        using var engine = Engine(new RelationEngineOptions { QueueCapacity = 2 });
        using var stop = new CancellationTokenSource();
        var running = Ask(engine, "running", stop.Token);
        Assert.True(_classifier.WaitForPass(s_patience));
        var waiting = Ask(engine, "waiting", stop.Token);
        var kept = Ask(engine, "kept");
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Equal((1, 0), (engine.Counts.Waiting, engine.Counts.Running));
        var next = Ask(engine, "next");
        _classifier.ReleaseAll();
        await Task.WhenAll(kept, next);

        Assert.DoesNotContain("waiting", _classifier.Batches.SelectMany(batch => batch));
        var counts = engine.Counts;
        Assert.Equal((4L, 2L, 2L, 0L), (counts.Accepted, counts.Done, counts.Cancelled, counts.Failed));
    }

    [Fact]
    public async Task Answers_are_remembered_by_their_exact_input_and_the_oldest_makes_room()
    {
        _classifier.ReleaseAll();
        using var engine = Engine(new RelationEngineOptions { CachedAnswers = 2 });
        await Ask(engine, "a");
        await Ask(engine, "b");
        await Ask(engine, "a");
        await Ask(engine, "c");
        await Ask(engine, "b");
        await engine.ClassifyAsync(TestRows.Named("b", "b", ""), default);
        await engine.ClassifyAsync(TestRows.Named("b", "b", "") with { Span1 = new TextSpan(0, 1) }, default);

        Assert.Equal(["a", "b", "c", "b", "b", "b"], _classifier.Batches.Select(batch => batch[0]));
        Assert.Equal((7L, 7L, 1L), (engine.Counts.Accepted, engine.Counts.Done, engine.Counts.CacheHits));
        using var forgetful = Engine(new RelationEngineOptions { CachedAnswers = 0 });
        await Ask(forgetful, "a");
        await Ask(forgetful, "a");
        Assert.Equal(2, forgetful.Counts.RowsComputed);
    }

    [Fact]
    public async Task A_long_call_lets_others_between_its_parts()
    {
        using var engine = Engine(new RelationEngineOptions { BatchRows = 4 });
        var many = engine.ClassifyAsync([.. Enumerable.Range(0, 20).Select(i => TestRows.Named($"many{i}", "", ""))], default).AsTask();
        Assert.True(_classifier.WaitForPass(s_patience));
        var one = Ask(engine, "one");
        _classifier.Release(3);
        await one;
        Assert.False(many.IsCompleted);
        _classifier.ReleaseAll();

        Assert.Equal(20, (await many).Count);
        Assert.Equal(["many0", "many4", "one"], _classifier.Batches.Select(batch => batch[0]).Take(3));
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"many{i}"), _classifier.Batches.SelectMany(batch => batch).Where(text => text != "one"));
    }

    [Fact]
    public async Task A_fault_of_the_model_belongs_to_those_who_asked_and_the_engine_goes_on()
    {
        _classifier.ReleaseAll();
        using var engine = Engine(new RelationEngineOptions());

        await Assert.ThrowsAsync<InvalidDataException>(() => Ask(engine, HeldClassifier.Poison));

        Assert.Equal("师生", (await Ask(engine, "师生")).Label);
        Assert.Equal((2L, 1L, 1L), (engine.Counts.Accepted, engine.Counts.Done, engine.Counts.Failed));
    }

    [Fact]
    public async Task Draining_finishes_what_was_taken_and_takes_no_more()
    {
        using var engine = Engine(new RelationEngineOptions());
        var running = Ask(engine, "0");
        Assert.True(_classifier.WaitForPass(s_patience));
        var waiting = Ask(engine, "1");
        var drained = engine.DrainAsync();
        Assert.False(drained.IsCompleted);

        await Assert.ThrowsAsync<ObjectDisposedException>(() => Ask(engine, "2"));
        _classifier.ReleaseAll();
        await drained.WaitAsync(s_patience);

        Assert.Equal("夫妻", (await running).Label);
        Assert.Equal("夫妻", (await waiting).Label);
        Assert.Equal((2L, 0, 0), (engine.Counts.Done, engine.Counts.Waiting, engine.Counts.Running));
    }

    [Fact]
    public async Task Near_ties_are_computed_again_alone()
    {
        (_classifier.Lead, var facts) = (0.01, new List<BatchFacts>());
        using var engine = Engine(new RelationEngineOptions { TieMargin = 0.02, BatchDone = facts.Add });
        var calls = Enumerable.Range(0, 3).Select(i => Ask(engine, $"{i}")).ToArray();
        _classifier.ReleaseAll();
        await Task.WhenAll(calls);
        await engine.DrainAsync();

        var company = _classifier.Batches.Where(batch => batch.Length > 1).SelectMany(batch => batch).ToArray();
        Assert.NotEmpty(company);
        Assert.All(company, text => Assert.Contains(_classifier.Batches, batch => batch is [var only] && only == text));
        Assert.Equal(3, facts.Sum(batch => batch.Rows));
        Assert.Equal(3 + company.Length, engine.Counts.RowsComputed);
    }

    [Fact]
    public async Task An_engine_that_is_disposed_cancels_what_waits()
    {
        var engine = Engine(new RelationEngineOptions());
        var running = Ask(engine, "0");
        Assert.True(_classifier.WaitForPass(s_patience));
        var waiting = Ask(engine, "1");
        var disposal = Task.Run(engine.Dispose);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        _classifier.ReleaseAll();
        await disposal.WaitAsync(s_patience);
        engine.Dispose();
        Assert.Throws<ArgumentOutOfRangeException>(() => Engine(new RelationEngineOptions { QueueCapacity = 0 }));
    }

    [GoldenFact("golden/models/llama")]
    public async Task A_request_gets_the_same_label_in_every_company()
    {
        // Sums of several fp32 log-probabilities, computed by products of other shapes; below 2e-6 was measured.
        const double Tolerance = 1e-4;
        using var leaks = new LeakCheck();
        using var model = TinyLanguageModel.Model();
        using var classifier = new RelationClassifier(
            model, TinyLanguageModel.Tokenizer(), PromptTemplate.Parse(PromptTemplate.Masked, TinyLanguageModel.Labels, "test"), TinyLanguageModel.Schema,
            ForwardContext.Evaluate32);
        RelationExample[] rows = [.. TinyLanguageModel.Rows, .. Enumerable.Range(0, 40).Select(i => TestRows.Named($"贾政与贾宝玉{new string('又', i % 7)}第{i}回相见。", "贾政", "贾宝玉"))];
        var alone = rows.Select(row => classifier.Classify([row])[0].Prediction!).ToArray();
        var together = 0;
        var options = new RelationEngineOptions { QueueCapacity = 1000, CachedAnswers = 0, BatchDone = batch => together = Math.Max(together, batch.Rows) };
        using var engine = new RelationEngine(classifier, options, TimeProvider.System);
        var random = new Random(11);
        var worst = 0.0;
        for (var left = LongTests.Count(200, 10_000); left > 0;)
        {
            var places = Enumerable.Range(0, Math.Min(left, random.Next(1, 24))).Select(_ => random.Next(rows.Length)).ToArray();
            var found = await Task.WhenAll(places.Select(place => engine.ClassifyAsync(rows[place], default).AsTask()));
            left -= places.Length;
            foreach (var (place, prediction) in places.Zip(found))
            {
                Assert.Equal(alone[place].Label, prediction.Label);
                worst = Math.Max(worst, alone[place].Probabilities.Zip(prediction.Probabilities, (expected, value) => Math.Abs(expected - value)).Max());
            }
        }

        Assert.InRange(worst, 0, Tolerance);
        Assert.True(together > 1, "no row had company");
    }

    private RelationEngine Engine(RelationEngineOptions options) => new(_classifier, options, TimeProvider.System);

    private static Task<RelationPrediction> Ask(RelationEngine engine, string text, CancellationToken stop = default) =>
        engine.ClassifyAsync(TestRows.Named(text, "", ""), stop).AsTask();

    /// <summary>A clock that stands until it is told to go on.</summary>
    private sealed class Clock : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref _ticks);

        public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
    }
}
