using System.Runtime.InteropServices;

namespace Guanxi.Torch;

/// <summary>Mirror of <c>gx_tag</c>.</summary>
internal enum NativeTag
{
    None = 0,
    Tensor = 1,
    Int = 2,
    Double = 3,
    Bool = 4,
    String = 5,
    IntList = 6,
    TensorList = 7,
    Device = 8,
}

/// <summary>Mirror of <c>gx_value</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeValue
{
    public NativeTag Tag;
    public int Reserved;
    public long Integer;
    public double Real;
    public nint Pointer;
}

/// <summary>Mirror of <c>gx_tensor_info</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeTensorInfo
{
    public nint Data;
    public long ElementCount;
    public long OwnedBytes;
    public int DType;
    public int DeviceType;
    public int DeviceIndex;
    public int Rank;
    public byte RequiresGrad;
    public byte IsContiguous;
    public ushort Reserved0;
    public int Reserved1;
}
