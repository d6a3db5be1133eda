using System.Buffers;
using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Sums over one array that need no shape.</summary>
internal static unsafe class Flat
{
    private const long Grain = 16 * 1024;

    // Elements whose squares are summed in float32; sums of blocks are added in double precision.
    private const int SumBlock = 4096;

    /// <summary>Sum of the squares, in an order that depends on the count alone.</summary>
    /// <param name="dtype">Element type: Float32, BFloat16 or Float16.</param>
    /// <param name="x">Elements.</param>
    /// <param name="count">Elements.</param>
    /// <returns>The sum.</returns>
    public static double SquaredSum(DType dtype, void* x, long count)
    {
        var blocks = (count + SumBlock - 1) / SumBlock;
        var sums = ArrayPool<float>.Shared.Rent(checked((int)Math.Max(1, blocks)));
        fixed (float* partial = sums)
        {
            KernelRunner.For(dtype, blocks, Grain / SumBlock, new SquaredSumKernel(x, partial, count));
        }

        var sum = 0.0;
        for (var block = 0; block < blocks; block++)
        {
            sum += sums[block];
        }

        ArrayPool<float>.Shared.Return(sums);
        return sum;
    }

    private readonly struct SquaredSumKernel(void* x, float* partial, long count) : IKernel
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var block = first; block < last; block++)
            {
                var start = block * SumBlock;
                partial[block] = Reduce.SumOfSquares<TLane, T>((T*)x + start, (int)Math.Min(SumBlock, count - start));
            }
        }
    }
}
