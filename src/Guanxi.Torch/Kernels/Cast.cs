using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Conversion of arrays between float32, bfloat16 and float16, rounding to nearest even and keeping NaN.</summary>
internal static unsafe class Cast
{
    private const long Grain = 32 * 1024;

    /// <summary>Converts an array. Source and target may be the same memory when their element types have the same size.</summary>
    /// <param name="from">Element type of the source: Float32, BFloat16 or Float16.</param>
    /// <param name="source">First source element.</param>
    /// <param name="to">Element type of the target.</param>
    /// <param name="target">First target element.</param>
    /// <param name="count">Elements.</param>
    /// <exception cref="ArgumentOutOfRangeException">An element type is another.</exception>
    public static void Run(DType from, void* source, DType to, void* target, long count)
    {
        switch (to)
        {
            case DType.Float32:
                KernelRunner.For(from, count, Grain, new Kernel<float>(source, target));
                break;
            case DType.BFloat16:
                KernelRunner.For(from, count, Grain, new Kernel<BFloat16>(source, target));
                break;
            case DType.Float16:
                KernelRunner.For(from, count, Grain, new Kernel<Half>(source, target));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(to), to, "kernels take float32, bfloat16 or float16");
        }
    }

    private readonly struct Kernel<TTarget>(void* source, void* target) : IKernel
        where TTarget : unmanaged
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var from = (T*)source;
            var to = (TTarget*)target;
            // Times one: a signalling NaN becomes a quiet one, which rounding keeps.
            var one = TLane.Create(1f);
            var i = first;
            for (; i <= last - Lane.Width; i += Lane.Width)
            {
                Lane.Store(Lane.Load<TLane, T>(from + i) * one, to + i);
            }

            if (i < last)
            {
                Lane.StorePart(Lane.LoadPart<TLane, T>(from + i, last - i) * one, to + i, last - i);
            }
        }
    }
}
