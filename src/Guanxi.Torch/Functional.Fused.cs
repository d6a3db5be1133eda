using FusedRmsNorm = Guanxi.Torch.Kernels.RmsNorm;
using FusedSwiGlu = Guanxi.Torch.Kernels.SwiGlu;

namespace Guanxi.Torch;

/// <content>Fused CPU forms: one pass over the memory, and a gradient that is one pass too.</content>
public static unsafe partial class Functional
{
    private static Tensor RmsNormFused(Tensor x, Tensor weight, float epsilon)
    {
        using var scope = TensorScope.Enter();
        var input = x.Contiguous();
        var (columns, rows) = ((int)input.Size(-1), input.ElementCount / input.Size(-1));
        var output = Tensor.Empty(input.Shape, input.DType, Device.Cpu);
        var scales = Tensor.Empty([rows], DType.Float32, Device.Cpu);
        FusedRmsNorm.Forward(
            input.DType, input.DataPointer(), weight.DataPointer(), output.DataPointer(), (float*)scales.DataPointer(), rows, columns, epsilon);
        return scope.Keep(Autograd.Record(output, [x, weight], [input, weight, scales], RmsNormBackward));
    }

    private static Tensor?[] RmsNormBackward(Tensor gradient, Tensor[] saved)
    {
        var (input, weight, scales) = (saved[0], saved[1], saved[2]);
        var dy = gradient.Contiguous();
        var dx = Tensor.Empty(input.Shape, input.DType, Device.Cpu);
        var dWeight = weight.RequiresGrad ? Tensor.Empty(weight.Shape, DType.Float32, Device.Cpu) : null;
        FusedRmsNorm.Backward(
            input.DType,
            input.DataPointer(),
            weight.DataPointer(),
            (float*)scales.DataPointer(),
            dy.DataPointer(),
            dx.DataPointer(),
            dWeight is null ? null : (float*)dWeight.DataPointer(),
            scales.ElementCount,
            (int)weight.ElementCount);
        return [dx, dWeight?.To(weight.DType)];
    }

    private static Tensor SwiGluFused(Tensor gate, Tensor up)
    {
        using var scope = TensorScope.Enter();
        var (left, right) = (gate.Contiguous(), up.Contiguous());
        var columns = (int)left.Size(-1);
        var output = Tensor.Empty(left.Shape, left.DType, Device.Cpu);
        FusedSwiGlu.Forward(
            left.DType, left.DataPointer(), columns, right.DataPointer(), columns, output.DataPointer(), left.ElementCount / columns, columns);
        return scope.Keep(Autograd.Record(output, [gate, up], [left, right], SwiGluBackward));
    }

    private static Tensor?[] SwiGluBackward(Tensor gradient, Tensor[] saved)
    {
        var (gate, up, dy) = (saved[0], saved[1], gradient.Contiguous());
        var columns = (int)gate.Size(-1);
        var dGate = Tensor.Empty(gate.Shape, gate.DType, Device.Cpu);
        var dUp = Tensor.Empty(up.Shape, up.DType, Device.Cpu);
        FusedSwiGlu.Backward(
            gate.DType,
            gate.DataPointer(),
            columns,
            up.DataPointer(),
            columns,
            dy.DataPointer(),
            dGate.DataPointer(),
            dUp.DataPointer(),
            gate.ElementCount / columns,
            columns);
        return [dGate, dUp];
    }
}
