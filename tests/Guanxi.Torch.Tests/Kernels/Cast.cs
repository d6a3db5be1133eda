using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Tests.Kernels;

/// <summary>Loads and stores of every element type at every level, as a kernel of their own.</summary>
internal static unsafe class Cast
{
    private const long Grain = 32 * 1024;

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
