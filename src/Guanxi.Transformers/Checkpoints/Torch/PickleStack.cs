using System.Runtime.InteropServices;

namespace Guanxi.Transformers.Checkpoints.Torch;

/// <summary>The values a pickle works on, and those that it has put aside; all within limits.</summary>
/// <param name="input">Where the pickle is, for errors.</param>
internal sealed class PickleStack(MappedReader input)
{
    // Python fills containers in batches of 1000. A tensor takes about 25 values: there is room for 40 000 of them.
    private const int MaxStack = 10_000;
    private const int MaxMarks = 100;
    private const int MaxValues = 1 << 20;
    private const int MaxMemo = 1 << 19;

    private readonly List<object?> _stack = [];
    private readonly Stack<int> _marks = [];
    private readonly List<object?> _memo = [];
    private int _pushed;

    /// <summary>Whether nothing is left.</summary>
    public bool IsEmpty => _stack.Count == 0;

    /// <summary>Adds a value.</summary>
    public void Push(object? value)
    {
        if (++_pushed > MaxValues)
        {
            throw input.Fault("the pickle builds too many values", $"at most {MaxValues}", null, null);
        }

        if (_stack.Count == MaxStack)
        {
            throw input.Fault("the pickle nests or collects too much", $"at most {MaxStack} values at once", null, null);
        }

        _stack.Add(value);
    }

    /// <summary>Takes the last value.</summary>
    public object? Pop()
    {
        Require(1);
        var value = _stack[^1];
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    /// <summary>The last value, which stays and must be of a type.</summary>
    public T Top<T>(string expected)
        where T : class
    {
        Require(1);
        return _stack[^1] as T ?? throw input.Fault("the pickle changes a value of another kind", expected, null, null);
    }

    /// <summary>Takes the last group of values.</summary>
    public object?[] TakeToMark()
    {
        if (_marks.Count == 0)
        {
            throw input.Fault("the pickle goes back to a mark that it never set");
        }

        var values = Take(_stack.Count - _marks.Peek());
        _marks.Pop();
        return values;
    }

    /// <summary>Takes the last values, in the order in which they were added.</summary>
    public object?[] Take(int count)
    {
        Require(count);
        var values = CollectionsMarshal.AsSpan(_stack)[^count..].ToArray();
        _stack.RemoveRange(_stack.Count - count, count);
        return values;
    }

    /// <summary>Begins a group of values.</summary>
    public void Mark()
    {
        if (_marks.Count == MaxMarks)
        {
            throw input.Fault("the pickle nests too deep", $"at most {MaxMarks} marks at once", null, null);
        }

        _marks.Push(_stack.Count);
    }

    /// <summary>Puts a copy of the last value aside under the next number.</summary>
    public void RememberNext() => Remember((uint)_memo.Count);

    /// <summary>Puts a copy of the last value aside under a number.</summary>
    public void Remember(uint index)
    {
        Require(1);
        if (index > _memo.Count || index == MaxMemo)
        {
            throw input.Fault("the pickle stores a value out of turn", $"at most number {Math.Min(_memo.Count, MaxMemo - 1)}", $"{index}", null);
        }

        // Every pickler numbers from 0; a table of free numbers could be made slow.
        if (index == _memo.Count)
        {
            _memo.Add(_stack[^1]);
        }
        else
        {
            _memo[(int)index] = _stack[^1];
        }
    }

    /// <summary>Adds a value that was put aside.</summary>
    public void Recall(uint index) =>
        Push(index < _memo.Count ? _memo[(int)index] : throw input.Fault($"the pickle recalls value {index}, which it never stored"));

    private void Require(int count)
    {
        if (_stack.Count - (_marks.TryPeek(out var mark) ? mark : 0) < count)
        {
            throw input.Fault("the pickle takes a value from an empty stack");
        }
    }
}
