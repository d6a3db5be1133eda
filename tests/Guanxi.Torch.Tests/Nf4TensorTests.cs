using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Torch.Tests;

public sealed class Nf4TensorTests
{
    [Theory]
    [InlineData(false, DType.Float32)]
    [InlineData(true, DType.Float32)]
    [InlineData(true, DType.BFloat16)]
    public void Aten_operators_bring_back_the_same_bits_as_the_kernel(bool isDouble, DType dtype)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var stored = Nf4Tensor.Quantize(Tensor.Empty([33, 70], DType.Float32, Device.Cpu).NormalInPlace(0, 0.02), isDouble);
        Close.Assert(stored.Dequantize(dtype).To(DType.Float32), stored.DequantizeComposed(dtype).To(DType.Float32), 0, "values");
    }
}
