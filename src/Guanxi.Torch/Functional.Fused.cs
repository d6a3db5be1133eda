using Guanxi.Torch.Kernels;
using FusedCrossEntropy = Guanxi.Torch.Kernels.CrossEntropy;
using FusedDropout = Guanxi.Torch.Kernels.Dropout;
using FusedGelu = Guanxi.Torch.Kernels.Gelu;
using FusedLayerNorm = Guanxi.Torch.Kernels.LayerNorm;
using FusedRmsNorm = Guanxi.Torch.Kernels.RmsNorm;
using FusedRope = Guanxi.Torch.Kernels.Rope;
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
        KernelArguments.Require(weight, input.DType, [columns], nameof(weight));
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

    private static Tensor LayerNormFused(Tensor x, Tensor weight, Tensor bias, float epsilon)
    {
        using var scope = TensorScope.Enter();
        var input = x.Contiguous();
        var (columns, rows) = ((int)input.Size(-1), input.ElementCount / input.Size(-1));
        KernelArguments.Require(weight, input.DType, [columns], nameof(weight));
        KernelArguments.Require(bias, input.DType, [columns], nameof(bias));
        var output = Tensor.Empty(input.Shape, input.DType, Device.Cpu);
        var moments = Tensor.Empty([rows, 2], DType.Float32, Device.Cpu);
        FusedLayerNorm.Forward(
            input.DType,
            input.DataPointer(),
            weight.DataPointer(),
            bias.DataPointer(),
            output.DataPointer(),
            (float*)moments.DataPointer(),
            rows,
            columns,
            epsilon);
        var learns = weight.RequiresGrad || bias.RequiresGrad;
        return scope.Keep(Autograd.Record(
            output, [x, weight, bias], [input, weight, moments], (gradient, saved) => LayerNormBackward(gradient, saved, learns)));
    }

    private static Tensor?[] LayerNormBackward(Tensor gradient, Tensor[] saved, bool learns)
    {
        var (input, weight, moments) = (saved[0], saved[1], saved[2]);
        var dy = gradient.Contiguous();
        var dx = Tensor.Empty(input.Shape, input.DType, Device.Cpu);
        var both = learns ? Tensor.Empty([2, weight.ElementCount], DType.Float32, Device.Cpu) : null;
        FusedLayerNorm.Backward(
            input.DType,
            input.DataPointer(),
            weight.DataPointer(),
            (float*)moments.DataPointer(),
            dy.DataPointer(),
            dx.DataPointer(),
            both is null ? null : (float*)both.DataPointer(),
            moments.Size(0),
            (int)weight.ElementCount);
        return [dx, both?.Select(0, 0).To(weight.DType), both?.Select(0, 1).To(weight.DType)];
    }

    private static Tensor GeluFused(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var input = x.Contiguous();
        var output = Tensor.Empty(input.Shape, input.DType, Device.Cpu);
        FusedGelu.Forward(input.DType, input.DataPointer(), output.DataPointer(), input.ElementCount);
        return scope.Keep(Autograd.Record(output, [x], [input], GeluBackward));
    }

    private static Tensor?[] GeluBackward(Tensor gradient, Tensor[] saved)
    {
        var (input, dy) = (saved[0], gradient.Contiguous());
        var dx = Tensor.Empty(input.Shape, input.DType, Device.Cpu);
        FusedGelu.Backward(input.DType, input.DataPointer(), dy.DataPointer(), dx.DataPointer(), input.ElementCount);
        return [dx];
    }

    private static Tensor SwiGluFused(Tensor gate, Tensor up)
    {
        using var scope = TensorScope.Enter();
        var (left, right) = (gate.Contiguous(), up.Contiguous());
        KernelArguments.Require(right, left.DType, left.Shape, nameof(up));
        var columns = (int)left.Size(-1);
        var output = Tensor.Empty(left.Shape, left.DType, Device.Cpu);
        FusedSwiGlu.Forward(
            left.DType, left.DataPointer(), right.DataPointer(), output.DataPointer(), left.ElementCount / columns, columns);
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
            up.DataPointer(),
            dy.DataPointer(),
            dGate.DataPointer(),
            dUp.DataPointer(),
            gate.ElementCount / columns,
            columns);
        return [dGate, dUp];
    }

    private static Tensor RopeFused(Tensor x, SequenceLayout layout, RopeTable table)
    {
        var output = Rotated(x, layout, table, inverse: false);
        return Autograd.Record(output, [x], [], (gradient, _) => [Rotated(gradient, layout, table, inverse: true)]);
    }

    private static Tensor Rotated(Tensor x, SequenceLayout layout, RopeTable table, bool inverse)
    {
        var output = x.Detach().Clone().Contiguous();
        var (heads, headDim) = (x.Rank == 3 ? (int)x.Size(1) : 0, 2 * (int)table.Cosines.Size(1));
        KernelArguments.Require(output, output.DType, [layout.TokenCount, heads, headDim], nameof(x));
        fixed (int* positions = layout.PositionArray)
        {
            FusedRope.Run(
                output.DType,
                output.DataPointer(),
                (float*)table.Cosines.DataPointer(),
                (float*)table.Sines.DataPointer(),
                positions,
                x.Size(0),
                heads,
                headDim,
                inverse);
        }

        return output;
    }

    /// <summary>The same mask on every device: it is drawn on the host, and an accelerator multiplies by it.</summary>
    private static Tensor DropoutFused(Tensor x, double probability, DropoutMask mask)
    {
        if (!x.Device.IsCpu)
        {
            var ones = Tensor.Full(x.Shape, 1, x.DType, Device.Cpu);
            return x.Detach() * DropoutFused(ones, probability, mask).ToDevice(x.Device);
        }

        var input = x.Contiguous();
        var output = Tensor.Empty(input.Shape, input.DType, Device.Cpu);
        FusedDropout.Run(input.DType, input.DataPointer(), output.DataPointer(), input.ElementCount, probability, mask);
        return output;
    }

    private static Tensor CrossEntropyFused(Tensor logits, Tensor targets, double labelSmoothing)
    {
        using var scope = TensorScope.Enter();
        var (rows, vocabulary) = (logits.Size(0), (int)logits.Size(1));
        var input = logits.Detach().Contiguous();
        var losses = Tensor.Empty([rows], DType.Float32, Device.Cpu);
        var records = Autograd.NeedsGraph([logits]);
        FusedCrossEntropy.Run(
            input.DType,
            input.DataPointer(),
            (long*)targets.DataPointer(),
            (float*)losses.DataPointer(),
            records ? input.DataPointer() : null,
            rows,
            vocabulary,
            labelSmoothing);
        return scope.Keep(Autograd.Record(losses.Sum(), [logits], [input], (gradient, saved) => [saved[0].MultiplyInPlace(gradient.Item())]));
    }
}
