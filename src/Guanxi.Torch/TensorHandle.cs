using System.Runtime.InteropServices;

namespace Guanxi.Torch;

/// <summary>Owns one native tensor and tells the live counters of it.</summary>
internal sealed class TensorHandle : SafeHandle
{
    private readonly long _ownedBytes;

    internal TensorHandle(nint handle, out NativeTensorInfo info)
        : base(0, ownsHandle: true)
    {
        SetHandle(handle);
        Native.Check(Native.gx_tensor_describe(this, out info), nameof(Native.gx_tensor_describe));
        _ownedBytes = info.OwnedBytes;
        TensorStatistics.Add(_ownedBytes);
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>What the collector was told and is told back when the tensor goes.</summary>
    internal long ReportedBytes { get; private set; }

    /// <summary>Tells the collector of memory that no scope will release.</summary>
    /// <remarks>
    /// Of a scope's memory it is not told: that goes without its help, and the collections that it begins when it hears of hundreds of
    /// megabytes a step took a sixth of the processor's time in training a small model.
    /// </remarks>
    internal void Report()
    {
        if (ReportedBytes == 0 && _ownedBytes > 0)
        {
            ReportedBytes = _ownedBytes;
            GC.AddMemoryPressure(_ownedBytes);
        }
    }

    protected override bool ReleaseHandle()
    {
        Native.gx_tensor_free(handle);
        TensorStatistics.Remove(_ownedBytes);
        if (ReportedBytes > 0)
        {
            GC.RemoveMemoryPressure(ReportedBytes);
        }

        return true;
    }
}
