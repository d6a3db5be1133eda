namespace Guanxi.Torch;

/// <summary>
/// Disposes, when it ends, every tensor that was made on this thread since it began and was not kept. Scopes nest.
/// A tensor made outside any scope belongs to whoever made it.
/// </summary>
/// <remarks>A ref struct: it cannot cross an await or a yield, where "this thread" would lose its meaning.</remarks>
public readonly ref struct TensorScope
{
    [ThreadStatic]
    private static Frame? t_current;

    private readonly Frame _frame;

    private TensorScope(Frame frame) => _frame = frame;

    /// <summary>Begins a scope.</summary>
    /// <returns>The scope; dispose it on the same thread, inner scopes first.</returns>
    public static TensorScope Enter() => new(t_current = new Frame(t_current));

    /// <summary>Moves a tensor to the enclosing scope, or to the caller when there is none.</summary>
    /// <param name="tensor">A tensor made inside this scope; one made elsewhere stays where it is.</param>
    /// <returns><paramref name="tensor"/>.</returns>
    public Tensor Keep(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Owner == _frame)
        {
            _frame.Tensors.Remove(tensor);
            tensor.Owner = _frame.Parent;
            if (_frame.Parent is { } parent)
            {
                parent.Tensors.Add(tensor);
            }
            else
            {
                tensor.Handle.Report();
            }
        }

        return tensor;
    }

    /// <summary>Takes a tensor out of whatever scope holds it: from now on the caller disposes it.</summary>
    /// <param name="tensor">Any tensor.</param>
    /// <returns><paramref name="tensor"/>.</returns>
    public static Tensor Detach(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Owner is not null)
        {
            Remove(tensor).Handle.Report();
        }

        return tensor;
    }

    /// <summary>Ends the scope and disposes what was not kept.</summary>
    /// <exception cref="InvalidOperationException">It is not the innermost scope of this thread.</exception>
    public void Dispose()
    {
        if (t_current != _frame)
        {
            throw new InvalidOperationException("tensor scopes end on the thread that began them, the inner one first");
        }

        t_current = _frame.Parent;
        foreach (var tensor in _frame.Tensors)
        {
            tensor.Owner = null;
            tensor.Dispose();
        }
    }

    /// <summary>The same for a tensor that something else than the collector is sure to dispose.</summary>
    internal static Tensor Remove(Tensor tensor)
    {
        tensor.Owner?.Tensors.Remove(tensor);
        tensor.Owner = null;
        return tensor;
    }

    /// <summary>Gives a new tensor to the innermost scope.</summary>
    /// <returns>False when there is none.</returns>
    internal static bool TryAdopt(Tensor tensor)
    {
        tensor.Owner = t_current;
        return t_current?.Tensors.Add(tensor) ?? false;
    }

    /// <summary>One scope's tensors. A tensor disposed early leaves at once, so a long scope does not grow with its dead.</summary>
    internal sealed class Frame(Frame? parent)
    {
        public Frame? Parent { get; } = parent;

        public HashSet<Tensor> Tensors { get; } = new(ReferenceEqualityComparer.Instance);
    }
}
