using System.Collections.Concurrent;
using Guanxi.Relations;

namespace Guanxi.TestKit;

/// <summary>A classifier that waits for its test before it answers; the answer is the first label that the text names.</summary>
public sealed class HeldClassifier : IRelationClassifier
{
    /// <summary>A text that it cannot compute.</summary>
    public const string Poison = "毒";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _passes = new(0);
    private readonly SemaphoreSlim _started = new(0);
    private volatile bool _isFree;

    /// <summary>Labels.</summary>
    public RelationSchema Schema { get; } = RelationSchema.FromLabels([["夫妻"], ["父母"], ["师生"]], "test");

    /// <summary>Texts of every pass so far.</summary>
    public ConcurrentQueue<string[]> Batches { get; } = new();

    /// <summary>Lead of the answer over the other labels.</summary>
    public double Lead { get; set; } = 0.4;

    /// <summary>Lets passes end.</summary>
    public void Release(int passes) => _passes.Release(passes);

    /// <summary>Lets all passes end at once from now on.</summary>
    public void ReleaseAll()
    {
        _isFree = true;
        _passes.Release(1000);
    }

    /// <summary>Waits until a pass has begun.</summary>
    public bool WaitForPass(TimeSpan patience) => _started.Wait(patience);

    /// <inheritdoc/>
    public IReadOnlyList<ClassifiedRow> Classify(IReadOnlyList<RelationExample> examples)
    {
        Batches.Enqueue([.. examples.Select(example => example.Text)]);
        _started.Release();
        if (!_isFree)
        {
            // A test that fails meanwhile never lets go.
            _passes.Wait(s_patience);
        }

        return examples.Any(example => example.Text == Poison)
            ? throw new InvalidDataException("poison")
            : [.. examples.Select(example => ClassifiedRow.Of(Answer(example)))];
    }

    /// <summary>Lets go of everything.</summary>
    public void Dispose()
    {
        _passes.Dispose();
        _started.Dispose();
    }

    private RelationPrediction Answer(RelationExample example)
    {
        var best = Schema.Labels.Index().FirstOrDefault(label => example.Text.Contains(label.Item, StringComparison.Ordinal)).Index;
        var rest = (1 - Lead) / Schema.Labels.Count;
        return RelationPrediction.Of(Schema, [.. Schema.Labels.Select((_, label) => label == best ? rest + Lead : rest)]) with { TokenCount = 1 };
    }
}
