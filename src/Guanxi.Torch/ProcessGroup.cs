using System.Runtime.InteropServices;
using System.Text;

namespace Guanxi.Torch;

/// <summary>A group of processes that exchange tensors: torch.distributed's c10d, without Python.</summary>
public sealed unsafe class ProcessGroup : IDisposable
{
    private readonly ProcessGroupHandle _handle;

    private ProcessGroup(ProcessGroupHandle handle, int rank, int worldSize)
    {
        _handle = handle;
        Rank = rank;
        WorldSize = worldSize;
    }

    /// <summary>Number of this process in the group, from 0.</summary>
    public int Rank { get; }

    /// <summary>Number of processes.</summary>
    public int WorldSize { get; }

    /// <summary>Joins a group; returns when all its processes have come.</summary>
    /// <param name="backend"><c>gloo</c>, or <c>nccl</c> where libtorch has it.</param>
    /// <param name="place">Where the group meets, and this process's number in it.</param>
    /// <param name="joining">How long the others may take to come.</param>
    /// <param name="exchanging">How long any exchange may take.</param>
    /// <returns>The group.</returns>
    /// <exception cref="TorchException">The others did not come in time, or the backend does not exist.</exception>
    public static ProcessGroup Join(string backend, ProcessPlace place, TimeSpan joining, TimeSpan exchanging)
    {
        ArgumentNullException.ThrowIfNull(place);
        var (name, host, address) = (Encoding.UTF8.GetBytes(backend), Encoding.UTF8.GetBytes(place.Host), Encoding.UTF8.GetBytes(place.Address));
        fixed (byte* namePointer = name, hostPointer = host, addressPointer = address)
        {
            var status = Native.gx_group_create(
                namePointer, name.Length, hostPointer, host.Length, place.Port, addressPointer, address.Length, place.Rank, place.WorldSize,
                (long)joining.TotalMilliseconds, (long)exchanging.TotalMilliseconds, out var group);
            Native.Check(status, nameof(Join));
            return new ProcessGroup(new ProcessGroupHandle(group), place.Rank, place.WorldSize);
        }
    }

    /// <summary>Begins to sum a tensor over all processes, in place.</summary>
    /// <param name="tensor">Contiguous; the same shape everywhere. Gloo of 1.13 takes fp32, not bf16.</param>
    /// <returns>What to wait for before the tensor is read.</returns>
    public PendingExchange AllReduce(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Native.Check(Native.gx_group_all_reduce(_handle, tensor.Handle, out var work), nameof(AllReduce));
        return new PendingExchange(work);
    }

    /// <summary>Begins to copy a tensor of one process to all others, in place.</summary>
    /// <param name="tensor">Contiguous; the same shape everywhere.</param>
    /// <param name="root">The process whose values go out.</param>
    /// <returns>What to wait for.</returns>
    public PendingExchange Broadcast(Tensor tensor, int root)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Native.Check(Native.gx_group_broadcast(_handle, tensor.Handle, root, out var work), nameof(Broadcast));
        return new PendingExchange(work);
    }

    /// <summary>Begins to collect every process's tensor.</summary>
    /// <param name="input">Contiguous; the same shape everywhere.</param>
    /// <param name="outputs">One tensor for every process, shaped as the input.</param>
    /// <returns>What to wait for.</returns>
    public PendingExchange AllGather(Tensor input, ReadOnlySpan<Tensor> outputs)
    {
        ArgumentNullException.ThrowIfNull(input);
        var handles = stackalloc nint[outputs.Length];
        HandleArray.AddReferences(outputs!, handles);
        try
        {
            Native.Check(Native.gx_group_all_gather(_handle, input.Handle, handles, outputs.Length, out var work), nameof(AllGather));
            return new PendingExchange(work);
        }
        finally
        {
            HandleArray.Release(outputs!);
        }
    }

    /// <summary>Gives the group up without waiting: an exchange that never ends would keep whoever frees it. What it holds goes with the process.</summary>
    public void Abandon() => _handle.SetHandleAsInvalid();

    /// <summary>Leaves the group.</summary>
    public void Dispose() => _handle.Dispose();
}

/// <summary>A process's place in a group.</summary>
/// <param name="Host">Host of rank 0, which opens the store.</param>
/// <param name="Port">Port of the store.</param>
/// <param name="Address">Address at which the others reach this process.</param>
/// <param name="Rank">Number of this process, from 0.</param>
/// <param name="WorldSize">Number of processes.</param>
public sealed record ProcessPlace(string Host, int Port, string Address, int Rank, int WorldSize);

/// <summary>An exchange under way; <see cref="Wait"/> ends it.</summary>
public sealed class PendingExchange : IDisposable
{
    private readonly WorkHandle _work;

    internal PendingExchange(nint work) => _work = new WorkHandle(work);

    /// <summary>Waits for the exchange.</summary>
    /// <exception cref="TorchException">A process was lost, or the time ran out.</exception>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public void Wait() => Native.Check(Native.gx_work_wait(_work), nameof(Wait));

    /// <summary>Releases the native object, after a <see cref="Wait"/> on another thread where there is one; does not wait.</summary>
    public void Dispose() => _work.Dispose();
}

internal sealed class WorkHandle : SafeHandle
{
    internal WorkHandle(nint work)
        : base(0, ownsHandle: true) => SetHandle(work);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.gx_work_free(handle);
        return true;
    }
}

internal sealed class ProcessGroupHandle : SafeHandle
{
    internal ProcessGroupHandle(nint group)
        : base(0, ownsHandle: true) => SetHandle(group);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.gx_group_free(handle);
        return true;
    }
}
