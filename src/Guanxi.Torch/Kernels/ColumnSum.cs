using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Adds up the rows of a float32 matrix, from the first to the last.</summary>
internal static unsafe class ColumnSum
{
    /// <summary>sums[c] = matrix[0, c] + matrix[1, c] + ...</summary>
    /// <param name="matrix">[rows, columns], contiguous.</param>
    /// <param name="sums">[columns], overwritten.</param>
    /// <param name="rows">Rows; zero gives zeros.</param>
    /// <param name="columns">Columns.</param>
    public static void Run(float* matrix, float* sums, long rows, int columns)
    {
        var groups = (columns + Lane.Width - 1) / Lane.Width;
        KernelRunner.For(groups, KernelRunner.Grain(1024, rows), new Kernel(matrix, sums, rows, columns));
    }

    private readonly struct Kernel(float* matrix, float* sums, long rows, int columns) : IKernel
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var group = first; group < last; group++)
            {
                var column = group * Lane.Width;
                var rest = columns - column;
                var sum = TLane.Create(0f);
                for (long row = 0; row < rows; row++)
                {
                    var from = matrix + (row * columns) + column;
                    sum += rest >= Lane.Width ? TLane.Load(from) : Lane.LoadPart<TLane, float>(from, rest);
                }

                if (rest >= Lane.Width)
                {
                    TLane.Store(sum, sums + column);
                }
                else
                {
                    Lane.StorePart(sum, sums + column, rest);
                }
            }
        }
    }
}
