using Guanxi.Torch.Kernels.Products;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels.Products;

public sealed unsafe class TransposeTests
{
    [Theory]
    [InlineData(8, 8)]
    [InlineData(16, 40)]
    [InlineData(1, 9)]
    [InlineData(19, 3)]
    [InlineData(23, 30)]
    public void Rows_and_columns_change_places_and_nothing_else_is_written(int rows, int columns)
    {
        const int Gap = 5;
        using var memory = new TestMemory();
        var (fromStride, toStride) = (columns + Gap, rows + Gap);
        var source = KernelCheck.Random(1, rows * fromStride);
        var target = memory.Of(Enumerable.Repeat(-7f, columns * toStride).ToArray());

        Transposition.Run(memory.Of(source), fromStride, rows, columns, target, toStride);

        for (var column = 0; column < columns; column++)
        {
            for (var i = 0; i < toStride; i++)
            {
                Assert.Equal(i < rows ? source[(i * fromStride) + column] : -7f, target[(column * toStride) + i]);
            }
        }
    }
}
