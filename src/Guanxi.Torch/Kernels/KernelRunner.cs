using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>A kernel written once for every vector width and element type.</summary>
internal interface IKernel
{
    /// <summary>Does the part [first, last) of the kernel's range.</summary>
    /// <typeparam name="TLane">Sixteen values in the registers of one level.</typeparam>
    /// <typeparam name="TElement">How values lie in memory: <see cref="float"/>, <see cref="BFloat16"/> or <see cref="Half"/>.</typeparam>
    /// <param name="first">First index.</param>
    /// <param name="last">Index after the last.</param>
    void Run<TLane, TElement>(long first, long last)
        where TLane : struct, ILane<TLane>
        where TElement : unmanaged;
}

/// <summary>Runs an <see cref="IKernel"/> at the current <see cref="KernelLevel"/>, split over the threads.</summary>
internal static class KernelRunner
{
    /// <summary>Straight to optimised code: the first tier calls a method for every vector operation and is a hundred times
    /// slower.</summary>
    public const MethodImplOptions Hot = MethodImplOptions.AggressiveOptimization;

    /// <summary>Runs a kernel on float32 data.</summary>
    /// <typeparam name="TKernel">The kernel.</typeparam>
    /// <param name="count">Number of indices.</param>
    /// <param name="grain">Fewest indices worth a part of their own.</param>
    /// <param name="kernel">The kernel with its pointers.</param>
    public static void For<TKernel>(long count, long grain, TKernel kernel)
        where TKernel : struct, IKernel => For(DType.Float32, count, grain, kernel);

    /// <summary>Runs a kernel.</summary>
    /// <typeparam name="TKernel">The kernel.</typeparam>
    /// <param name="dtype">Element type of its data: Float32, BFloat16 or Float16.</param>
    /// <param name="count">Number of indices.</param>
    /// <param name="grain">Fewest indices worth a part of their own.</param>
    /// <param name="kernel">The kernel with its pointers.</param>
    /// <exception cref="ArgumentOutOfRangeException">The element type is another.</exception>
    public static void For<TKernel>(DType dtype, long count, long grain, TKernel kernel)
        where TKernel : struct, IKernel
    {
        if (dtype is not (DType.Float32 or DType.BFloat16 or DType.Float16))
        {
            throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "kernels take float32, bfloat16 or float16");
        }

        KernelParallel.For(count, grain, new Dispatched<TKernel>(kernel, KernelLevels.Current, dtype));
    }

    /// <summary>Indices a part so that it has a given number of elements.</summary>
    /// <param name="elements">Elements wanted.</param>
    /// <param name="each">Elements an index.</param>
    /// <returns>At least one.</returns>
    public static long Grain(long elements, long each) => Math.Max(1, elements / Math.Max(1, each));

    private readonly struct Dispatched<TKernel>(TKernel kernel, KernelLevel level, DType dtype) : IRangeWork
        where TKernel : struct, IKernel
    {
        private readonly TKernel _kernel = kernel;

        public void Run(long first, long last)
        {
            switch (level)
            {
                case KernelLevel.Vector512:
                    Run<Lane512>(first, last);
                    break;
                case KernelLevel.Vector256:
                    Run<Lane256>(first, last);
                    break;
                default:
                    Run<LaneScalar>(first, last);
                    break;
            }
        }

        private void Run<TLane>(long first, long last)
            where TLane : struct, ILane<TLane>
        {
            switch (dtype)
            {
                case DType.BFloat16:
                    _kernel.Run<TLane, BFloat16>(first, last);
                    break;
                case DType.Float16:
                    _kernel.Run<TLane, Half>(first, last);
                    break;
                default:
                    _kernel.Run<TLane, float>(first, last);
                    break;
            }
        }
    }
}
