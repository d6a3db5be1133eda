using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Torch.Tests;

public sealed class FourBitTensorTests
{
    [Theory]
    [InlineData(FourBitKind.Nf4, false, DType.Float32)]
    [InlineData(FourBitKind.Nf4, true, DType.Float32)]
    [InlineData(FourBitKind.Nf4, true, DType.BFloat16)]
    [InlineData(FourBitKind.Fp4, true, DType.Float32)]
    public void Aten_operators_bring_back_the_same_bits_as_the_kernel(FourBitKind kind, bool isDouble, DType dtype)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var stored = FourBitTensor.Quantize(Tensor.Empty([33, 70], DType.Float32, Device.Cpu).NormalInPlace(0, 0.02), kind, isDouble);
        Close.Assert(stored.Dequantize(dtype).To(DType.Float32), stored.DequantizeComposed(dtype).To(DType.Float32), 0, "values");
    }
}
