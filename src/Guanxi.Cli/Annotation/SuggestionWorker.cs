using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;

namespace Guanxi.Cli.Annotation;

/// <summary>Asks a model of every row, on a thread of its own: rows near the annotator first, and nobody waits for it.</summary>
internal sealed class SuggestionWorker : IDisposable
{
    // Few, so that a row that is looked at need not wait for many others.
    private const int RowsAtOnce = 16;

    private readonly AnnotationStore _store;
    private readonly IRelationClassifier _classifier;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;

    /// <summary>Begins to ask.</summary>
    /// <param name="store">The rows, and where suggestions go.</param>
    /// <param name="classifier">The model; it must outlive the worker.</param>
    public SuggestionWorker(AnnotationStore store, IRelationClassifier classifier)
    {
        (_store, _classifier) = (store, classifier);
        _thread = new Thread(Work) { IsBackground = true, Name = "suggestions" };
        _thread.Start();
    }

    /// <summary>The row that the annotator is at.</summary>
    public int Position { get; set; } = 1;

    /// <summary>Why the model cannot be asked any more; null while it can.</summary>
    public string? Problem { get; private set; }

    /// <summary>Ends after the rows in hand.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _stop.Dispose();
    }

    private void Work()
    {
        try
        {
            while (!_stop.IsCancellationRequested && _store.WithoutSuggestion(Position, RowsAtOnce) is { Count: > 0 } rows)
            {
                var answers = _classifier.Classify([.. rows.Select(row => row.Example)]);
                _store.Suggest(rows.Zip(answers, (row, answer) => (row.Number, Suggestion(answer))));
            }
        }
        catch (Exception error)
        {
            // The last frame of the thread: annotating goes on without suggestions, and the page says why.
            Problem = error is CheckpointException or OptionsException or JobFailedException ? error.Message : $"{error.GetType().Name}: {error.Message}";
        }
    }

    private Suggestion Suggestion(ClassifiedRow answer)
    {
        var json = new JsonLineWriter();
        if (!answer.IsClassified)
        {
            return new Suggestion(null, json.Value($"{answer.Problem}").ToString());
        }

        json.Object(_classifier.Schema.Labels.Zip(answer.Prediction.Probabilities, KeyValuePair.Create));
        return new Suggestion(answer.Prediction.Label, json.ToString());
    }
}
