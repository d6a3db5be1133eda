namespace Guanxi.Relations.Serving;

/// <summary>Rows that one caller asks about. All of its state is guarded by the engine's lock.</summary>
internal sealed class EngineCall
{
    private readonly TaskCompletionSource<IReadOnlyList<ClassifiedRow>> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ClassifiedRow?[] _outcomes;
    private readonly int[] _open;
    private int _taken;
    private int _answered;

    /// <summary>Makes a call.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="known">Answers that are known already, one a row; null for those to be computed.</param>
    /// <param name="arrival">Time stamp.</param>
    public EngineCall(IReadOnlyList<RelationExample> rows, RelationPrediction?[] known, long arrival)
    {
        (Rows, Arrival) = (rows, arrival);
        _outcomes = [.. known.Select(prediction => prediction is null ? null : ClassifiedRow.Of(prediction))];
        _open = [.. Enumerable.Range(0, rows.Count).Where(row => known[row] is null)];
    }

    /// <summary>The rows.</summary>
    public IReadOnlyList<RelationExample> Rows { get; }

    /// <summary>Time stamp of the call.</summary>
    public long Arrival { get; }

    /// <summary>Ends with the answers.</summary>
    public Task<IReadOnlyList<ClassifiedRow>> Answer => _answer.Task;

    /// <summary>Its place in the queue; null when it is not there.</summary>
    public LinkedListNode<EngineCall>? Place { get; set; }

    /// <summary>Whether nothing more is done for it: it was answered, cancelled, or has failed.</summary>
    public bool HasEnded { get; set; }

    /// <summary>Rows that no pass has taken yet.</summary>
    public int Untaken => _open.Length - _taken;

    /// <summary>Takes rows for a pass.</summary>
    /// <param name="most">How many at most.</param>
    /// <returns>Their indices.</returns>
    public ArraySegment<int> Take(int most)
    {
        var part = new ArraySegment<int>(_open, _taken, Math.Min(most, Untaken));
        _taken += part.Count;
        return part;
    }

    /// <summary>Notes what became of a row.</summary>
    /// <returns>Whether it was the last.</returns>
    public bool Note(int row, ClassifiedRow outcome)
    {
        _outcomes[row] = outcome;
        return ++_answered == _open.Length;
    }

    /// <summary>Hands the answers over.</summary>
    public void Complete() => _answer.TrySetResult(_outcomes!);

    /// <summary>Tells the caller that it gave up.</summary>
    public void Cancel(CancellationToken token) => _answer.TrySetCanceled(token);

    /// <summary>Tells the caller what went wrong.</summary>
    public void Fail(Exception error) => _answer.TrySetException(error);
}

/// <summary>A row of a pass.</summary>
/// <param name="Call">Who asks.</param>
/// <param name="Index">Which of its rows.</param>
internal readonly record struct BatchRow(EngineCall Call, int Index)
{
    /// <summary>The row itself.</summary>
    public RelationExample Example => Call.Rows[Index];
}
