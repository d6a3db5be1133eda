namespace Guanxi.Torch.Kernels.Products;

/// <summary>The tasks of several branches, numbered through.</summary>
internal readonly struct TaskRanges
{
    private readonly long[] _ends;

    /// <summary>Numbers the tasks.</summary>
    /// <param name="counts">Tasks of every branch, at least one branch; taken over.</param>
    public TaskRanges(long[] counts)
    {
        _ends = counts;
        for (var i = 1; i < counts.Length; i++)
        {
            counts[i] += counts[i - 1];
        }
    }

    /// <summary>Tasks of all branches.</summary>
    public long Count => _ends[^1];

    /// <summary>Finds a task.</summary>
    /// <param name="task">Its number.</param>
    /// <returns>Its branch, and its number in that.</returns>
    public (int Branch, long Task) Find(long task)
    {
        var branch = 0;
        for (; task >= _ends[branch]; branch++)
        {
        }

        return (branch, task - (branch == 0 ? 0 : _ends[branch - 1]));
    }
}
