using System.Diagnostics.CodeAnalysis;

namespace Guanxi.Torch;

/// <summary>What stands before the kernels, which read raw memory: an operand of another type, shape or place must not reach them.</summary>
internal static class KernelArguments
{
    /// <summary>Refuses a tensor that is not one row-major block of a type and shape on the CPU.</summary>
    /// <param name="tensor">The operand.</param>
    /// <param name="dtype">Its element type.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="name">Its name, for the message.</param>
    /// <exception cref="ArgumentException">It is another.</exception>
    public static void Require(Tensor tensor, DType dtype, ReadOnlySpan<long> shape, string name)
    {
        if (tensor.DType != dtype || !tensor.IsContiguous || !tensor.Device.IsCpu || !tensor.Shape.SequenceEqual(shape))
        {
            Refuse(tensor, dtype, shape, name);
        }
    }

    [DoesNotReturn]
    private static void Refuse(Tensor tensor, DType dtype, ReadOnlySpan<long> shape, string name) => throw new ArgumentException(
        $"{name}: expected a contiguous {dtype}[{string.Join(", ", shape.ToArray())}] on {Device.Cpu}, "
        + $"found a {(tensor.IsContiguous ? "contiguous " : "strided ")}{tensor}",
        name);
}
