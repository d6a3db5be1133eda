using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Guanxi.Torch;

/// <summary>Backward passes, and functions with a gradient of their own.</summary>
public static unsafe class Autograd
{
    /// <summary>Whether operations on this thread are recorded for a backward pass.</summary>
    public static bool IsRecording
    {
        get
        {
            Native.Check(Native.gx_grad_mode_get(out var enabled), nameof(IsRecording));
            return enabled != 0;
        }
    }

    /// <summary>Stops recording on this thread until the returned value is disposed.</summary>
    /// <returns>What restores the mode.</returns>
    public static GradModeGuard NoGrad() => new(enabled: false);

    /// <summary>Records on this thread until the returned value is disposed, also inside <see cref="NoGrad"/>.</summary>
    /// <returns>What restores the mode.</returns>
    public static GradModeGuard WithGrad() => new(enabled: true);

    /// <summary>Runs the backward pass from several roots; gradients add up in the leaves' <see cref="Tensor.Grad"/>.</summary>
    /// <param name="roots">Tensors of any shape.</param>
    /// <param name="gradients">The gradient of each root; null stands for 1 and needs a root of one element.</param>
    /// <exception cref="TorchException">A callback failed or the graph is gone.</exception>
    public static void Backward(ReadOnlySpan<Tensor> roots, ReadOnlySpan<Tensor?> gradients)
    {
        var handles = stackalloc nint[roots.Length * 2];
        HandleArray.AddReferences(roots!, handles);
        try
        {
            HandleArray.AddReferences(gradients, handles + roots.Length);
            try
            {
                Native.Check(Native.gx_backward_run(handles, handles + roots.Length, roots.Length, 0), nameof(Backward));
            }
            finally
            {
                HandleArray.Release(gradients);
            }
        }
        finally
        {
            HandleArray.Release(roots!);
        }
    }

    /// <summary>
    /// Makes <paramref name="output"/>, computed without recording, a function of <paramref name="inputs"/> whose gradient the callback computes.
    /// </summary>
    /// <param name="output">The value, without a graph.</param>
    /// <param name="inputs">The tensors that gradients flow to; those that need none are skipped by the engine.</param>
    /// <param name="saved">Tensors that <paramref name="backward"/> reads; aliases live until the graph lets go. A null stays null.</param>
    /// <param name="backward">Takes the output's gradient and the saved aliases, gives a gradient or null for every input. It runs in a scope
    /// of its own, without recording, on the thread of the backward pass, at most once.</param>
    /// <returns>A tensor over the memory of <paramref name="output"/>, or that itself when nothing is recorded.</returns>
    /// <exception cref="ObjectDisposedException">One of the tensors was disposed.</exception>
    public static Tensor Record(
        Tensor output, ReadOnlySpan<Tensor?> inputs, ReadOnlySpan<Tensor?> saved, Func<Tensor, Tensor[], Tensor?[]> backward)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(backward);
        return Record([output], inputs, saved, (gradients, kept) => gradients[0] is { } gradient ? backward(gradient, kept) : [])[0];
    }

    /// <summary>The same for a function of several outputs.</summary>
    /// <param name="outputs">The values, without a graph.</param>
    /// <param name="inputs">The tensors that gradients flow to; those that need none are skipped by the engine.</param>
    /// <param name="saved">Tensors that <paramref name="backward"/> reads; aliases live until the graph lets go.</param>
    /// <param name="backward">As above, with the gradient of every output, null where none flowed.</param>
    /// <returns>Tensors over the memory of the outputs, or those themselves when nothing is recorded.</returns>
    /// <exception cref="ObjectDisposedException">One of the tensors was disposed.</exception>
    public static Tensor[] Record(
        ReadOnlySpan<Tensor> outputs,
        ReadOnlySpan<Tensor?> inputs,
        ReadOnlySpan<Tensor?> saved,
        Func<Tensor?[], Tensor[], Tensor?[]> backward)
    {
        ArgumentNullException.ThrowIfNull(backward);
        if (!NeedsGraph(inputs))
        {
            return outputs.ToArray();
        }

        var handles = stackalloc nint[inputs.Length + outputs.Length];
        HandleArray.AddReferences(inputs, handles);
        try
        {
            HandleArray.AddReferences(outputs!, handles + inputs.Length);
            try
            {
                return RecordNode(new BackwardNode(saved, backward), handles, inputs.Length, outputs.Length);
            }
            finally
            {
                HandleArray.Release(outputs!);
            }
        }
        finally
        {
            HandleArray.Release(inputs);
        }
    }

    private static Tensor[] RecordNode(BackwardNode node, nint* handles, int inputCount, int outputCount)
    {
        var recorded = stackalloc nint[outputCount];
        // From here on the handle is the native side's, which frees it also when it fails.
        var context = GCHandle.ToIntPtr(GCHandle.Alloc(node));
        var status = Native.gx_autograd_record(
            handles, inputCount, handles + inputCount, outputCount, &RunBackward, &ReleaseNode, context, recorded);
        Native.Check(status, nameof(Record));
        var tensors = new Tensor[outputCount];
        for (var i = 0; i < tensors.Length; i++)
        {
            tensors[i] = new Tensor(recorded[i]);
        }

        return tensors;
    }

    /// <summary>Whether a function of these inputs would be recorded.</summary>
    /// <param name="inputs">The inputs; null ones do not count.</param>
    /// <returns>True when recording is on and an input requires a gradient.</returns>
    public static bool NeedsGraph(ReadOnlySpan<Tensor?> inputs)
    {
        if (!IsRecording)
        {
            return false;
        }

        foreach (var input in inputs)
        {
            if (input is not null && input.RequiresGrad)
            {
                return true;
            }
        }

        return false;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int RunBackward(
        long context, nint* gradOutputs, int outputCount, nint* gradInputs, int inputCount, byte* message, int capacity)
    {
        try
        {
            var node = (BackwardNode)GCHandle.FromIntPtr((nint)context).Target!;
            using var scope = TensorScope.Enter();
            using var mode = NoGrad();
            var gradients = new Tensor?[outputCount];
            for (var i = 0; i < outputCount; i++)
            {
                gradients[i] = gradOutputs[i] == 0 ? null : new Tensor(gradOutputs[i]);
            }

            var results = node.Run(gradients);
            for (var i = 0; i < inputCount && i < results.Length; i++)
            {
                if (results[i] is { } result)
                {
                    Native.Check(Native.gx_tensor_alias(result.Handle, out gradInputs[i]), nameof(RunBackward));
                }
            }

            return 0;
        }
#pragma warning disable CA1031 // An exception that crossed into native code would end the process; it travels as text and is thrown again.
        catch (Exception error)
#pragma warning restore CA1031
        {
            var text = Encoding.UTF8.GetBytes(error.GetType().Name + ": " + error.Message);
            var length = Math.Min(text.Length, capacity - 1);
            text.AsSpan(0, length).CopyTo(new Span<byte>(message, capacity));
            message[length] = 0;
            return 1;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void ReleaseNode(long context)
    {
        var handle = GCHandle.FromIntPtr((nint)context);
        ((BackwardNode)handle.Target!).Release();
        handle.Free();
    }

    /// <summary>What a recorded function keeps until its backward pass has run or its graph is dropped.</summary>
    private sealed class BackwardNode
    {
        // Null where what was saved is null; a function knows which of its own that are.
        private readonly Tensor?[] _saved;
        private Func<Tensor?[], Tensor[], Tensor?[]>? _backward;

        public BackwardNode(ReadOnlySpan<Tensor?> saved, Func<Tensor?[], Tensor[], Tensor?[]> backward)
        {
            _backward = backward;
            _saved = new Tensor?[saved.Length];
            try
            {
                for (var i = 0; i < saved.Length; i++)
                {
                    _saved[i] = saved[i] is { } tensor ? TensorScope.Remove(tensor.Alias()) : null;
                }
            }
            catch (ObjectDisposedException)
            {
                Release();
                throw;
            }
        }

        public Tensor?[] Run(Tensor?[] gradients) => _backward!(gradients, _saved!);

        public void Release()
        {
            _backward = null;
            foreach (var tensor in _saved)
            {
                tensor?.Dispose();
            }
        }
    }
}

/// <summary>Restores the thread's grad mode when disposed.</summary>
public readonly ref struct GradModeGuard
{
    private readonly bool _previous;

    internal GradModeGuard(bool enabled)
    {
        _previous = Autograd.IsRecording;
        Set(enabled);
    }

    /// <summary>Restores the mode that was in force before.</summary>
    public void Dispose() => Set(_previous);

    private static void Set(bool enabled) => Native.Check(Native.gx_grad_mode_set(enabled ? (byte)1 : (byte)0), nameof(GradModeGuard));
}
