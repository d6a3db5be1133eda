using System.Runtime.InteropServices;

namespace Guanxi.Torch;

/// <summary>Owns one native tensor and what is told of it: the live counters and the collector's memory pressure.</summary>
internal sealed class TensorHandle : SafeHandle
{
    private readonly long _ownedBytes;

    internal TensorHandle(nint handle, out NativeTensorInfo info)
        : base(0, ownsHandle: true)
    {
        SetHandle(handle);
        Native.Check(Native.gx_tensor_describe(this, out info), nameof(Native.gx_tensor_describe));
        // A device's memory is not the collector's business; the host's is, though it lives outside its heap.
        _ownedBytes = info.OwnedBytes;
        TensorStatistics.Add(_ownedBytes);
        if (_ownedBytes > 0)
        {
            GC.AddMemoryPressure(_ownedBytes);
        }
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.gx_tensor_free(handle);
        TensorStatistics.Remove(_ownedBytes);
        if (_ownedBytes > 0)
        {
            GC.RemoveMemoryPressure(_ownedBytes);
        }

        return true;
    }
}
