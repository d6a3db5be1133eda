using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>silu(gate) * up, the middle of a LLaMA feed-forward block, and its gradient.</summary>
/// <remarks>
/// Arithmetic is float32; the result is rounded once.
/// </remarks>
internal static unsafe class SwiGlu
{
    private const long GrainElements = 8 * 1024;

    /// <summary>y = gate / (1 + e^-gate) * up.</summary>
    /// <param name="dtype">Element type of all matrices.</param>
    /// <param name="gate">[rows, columns].</param>
    /// <param name="up">[rows, columns].</param>
    /// <param name="y">Result [rows, columns], contiguous; may be gate or up.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    public static void Forward(DType dtype, void* gate, void* up, void* y, long rows, int columns) =>
        KernelRunner.For(
            dtype,
            rows,
            KernelRunner.Grain(GrainElements, columns),
            new ForwardKernel(gate, up, y, columns));

    /// <summary>Gradients of gate and up.</summary>
    /// <param name="dtype">Element type of all matrices.</param>
    /// <param name="gate">As given to the forward.</param>
    /// <param name="up">As given to the forward.</param>
    /// <param name="dy">Gradient of y, contiguous.</param>
    /// <param name="dGate">Gradient of gate; may be gate itself.</param>
    /// <param name="dUp">Gradient of up; may be up itself.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    public static void Backward(
        DType dtype, void* gate, void* up, void* dy, void* dGate, void* dUp, long rows, int columns) =>
        KernelRunner.For(
            dtype,
            rows,
            KernelRunner.Grain(GrainElements, columns),
            new BackwardKernel(gate, up, dy, dGate, dUp, columns));

    private readonly struct ForwardKernel(void* gate, void* up, void* y, int columns) : IKernel
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var row = first; row < last; row++)
            {
                var g = (T*)gate + (row * columns);
                var u = (T*)up + (row * columns);
                var to = (T*)y + (row * columns);
                var i = 0;
                for (; i <= columns - Lane.Width; i += Lane.Width)
                {
                    Lane.Store(Value(Lane.Load<TLane, T>(g + i), Lane.Load<TLane, T>(u + i)), to + i);
                }

                if (i < columns)
                {
                    var rest = columns - i;
                    Lane.StorePart(Value(Lane.LoadPart<TLane, T>(g + i, rest), Lane.LoadPart<TLane, T>(u + i, rest)), to + i, rest);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TLane Value<TLane>(TLane gate, TLane up)
            where TLane : struct, ILane<TLane> => gate / (TLane.Create(1f) + Lane.Exp(TLane.Create(0f) - gate)) * up;
    }

    private readonly struct BackwardKernel(
        void* gate, void* up, void* dy, void* dGate, void* dUp, int columns) : IKernel
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var row = first; row < last; row++)
            {
                var g = (T*)gate + (row * columns);
                var toG = (T*)dGate + (row * columns);
                var u = (T*)up + (row * columns);
                var toU = (T*)dUp + (row * columns);
                var d = (T*)dy + (row * columns);
                var i = 0;
                for (; i <= columns - Lane.Width; i += Lane.Width)
                {
                    var (forGate, forUp) = Gradients(Lane.Load<TLane, T>(g + i), Lane.Load<TLane, T>(u + i), Lane.Load<TLane, T>(d + i));
                    Lane.Store(forGate, toG + i);
                    Lane.Store(forUp, toU + i);
                }

                if (i < columns)
                {
                    var rest = columns - i;
                    var (forGate, forUp) = Gradients(
                        Lane.LoadPart<TLane, T>(g + i, rest), Lane.LoadPart<TLane, T>(u + i, rest), Lane.LoadPart<TLane, T>(d + i, rest));
                    Lane.StorePart(forGate, toG + i, rest);
                    Lane.StorePart(forUp, toU + i, rest);
                }
            }
        }

        // With s = sigmoid(gate): silu' = s * (1 + gate * (1 - s)).
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static (TLane Gate, TLane Up) Gradients<TLane>(TLane gate, TLane up, TLane dy)
            where TLane : struct, ILane<TLane>
        {
            var one = TLane.Create(1f);
            var s = Lane.Sigmoid(gate);
            var slope = s * TLane.FusedMultiplyAdd(gate, one - s, one);
            return (dy * up * slope, dy * (gate * s));
        }
    }
}
