using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Guanxi.Torch;

/// <summary>Tells when a backward pass has added to a leaf's gradient, while the rest of the pass goes on.</summary>
public sealed unsafe class GradientWatch : SafeHandle
{
    private readonly Action _ready;
    private readonly GCHandle _context;

    /// <summary>Begins to watch.</summary>
    /// <param name="leaf">A parameter: it requires a gradient, and nothing computed it.</param>
    /// <param name="ready">Called on the thread of the backward pass, in the middle of it; what it throws ends the process, so it throws nothing.</param>
    /// <exception cref="TorchException">The tensor is no such leaf.</exception>
    public GradientWatch(Tensor leaf, Action ready)
        : base(0, ownsHandle: true)
    {
        ArgumentNullException.ThrowIfNull(leaf);
        ArgumentNullException.ThrowIfNull(ready);
        _ready = ready;
        _context = GCHandle.Alloc(this, GCHandleType.Weak);
        try
        {
            Native.Check(Native.gx_gradient_watch(leaf.Handle, &Tell, GCHandle.ToIntPtr(_context), out var watch), nameof(GradientWatch));
            SetHandle(watch);
        }
        catch
        {
            _context.Free();
            throw;
        }
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        Native.gx_gradient_watch_free(handle);
        _context.Free();
        return true;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Tell(long context) => ((GradientWatch?)GCHandle.FromIntPtr((nint)context).Target)?._ready();
}
