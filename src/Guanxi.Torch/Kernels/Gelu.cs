using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>x times the normal distribution's share below x, and its gradient.</summary>
/// <remarks>
/// Hendrycks and Gimpel 2016 (arXiv 1606.08415), the exact form that PyTorch computes with erf. The share beyond z = |x| is
/// e^(-z^2 / 2) u q(u) with u = 1 / (1 + 0.33 z); q interpolates it at the Chebyshev nodes of 0 to 13.3, where the power ends, within
/// 1.2e-7 of its value and 3e-9 absolutely.
/// </remarks>
internal static unsafe class Gelu
{
    private const long GrainElements = 8 * 1024;
    private const float Bend = 0.33f;
    private const float InverseRootOfTwoPi = 0.39894228f;

    /// <summary>y = x * share(x).</summary>
    /// <param name="dtype">Element type of both arrays.</param>
    /// <param name="x">Elements.</param>
    /// <param name="y">Result; may be x.</param>
    /// <param name="count">Elements.</param>
    public static void Forward(DType dtype, void* x, void* y, long count) => Run(dtype, x, null, y, count);

    /// <summary>dx = dy * (share(x) + x * density(x)).</summary>
    /// <param name="dtype">Element type of all arrays.</param>
    /// <param name="x">As given to the forward.</param>
    /// <param name="dy">Gradient of y.</param>
    /// <param name="dx">Result; may be x or dy.</param>
    /// <param name="count">Elements.</param>
    public static void Backward(DType dtype, void* x, void* dy, void* dx, long count) => Run(dtype, x, dy, dx, count);

    private static void Run(DType dtype, void* x, void* dy, void* result, long count) => KernelRunner.For(
        dtype, (count + Lane.Width - 1) / Lane.Width, GrainElements / Lane.Width, new Kernel(x, dy, result, count));

    private readonly struct Kernel(void* x, void* dy, void* result, long count) : IKernel
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var end = Math.Min(last * Lane.Width, count);
            var at = first * Lane.Width;
            for (; at <= end - Lane.Width; at += Lane.Width)
            {
                var from = Lane.Load<TLane, T>((T*)x + at);
                Lane.Store(dy is null ? Value(from) : Slope(from) * Lane.Load<TLane, T>((T*)dy + at), (T*)result + at);
            }

            if (at < end)
            {
                var rest = end - at;
                var from = Lane.LoadPart<TLane, T>((T*)x + at, rest);
                Lane.StorePart(dy is null ? Value(from) : Slope(from) * Lane.LoadPart<TLane, T>((T*)dy + at, rest), (T*)result + at, rest);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TLane Value<TLane>(TLane x)
            where TLane : struct, ILane<TLane> => x * Share(x, Power(x));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TLane Slope<TLane>(TLane x)
            where TLane : struct, ILane<TLane>
        {
            var power = Power(x);
            return TLane.FusedMultiplyAdd(x * TLane.Create(InverseRootOfTwoPi), power, Share(x, power));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TLane Power<TLane>(TLane x)
            where TLane : struct, ILane<TLane> => Lane.Exp(x * x * TLane.Create(-0.5f));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TLane Share<TLane>(TLane x, TLane power)
            where TLane : struct, ILane<TLane>
        {
            var one = TLane.Create(1f);
            var u = one / TLane.FusedMultiplyAdd(x & TLane.CreateInt(0x7FFFFFFF), TLane.Create(Bend), one);
            var q = TLane.FusedMultiplyAdd(TLane.Create(-0.023757110f), u, TLane.Create(0.136892771f));
            q = TLane.FusedMultiplyAdd(q, u, TLane.Create(-0.294529037f));
            q = TLane.FusedMultiplyAdd(q, u, TLane.Create(0.254409360f));
            q = TLane.FusedMultiplyAdd(q, u, TLane.Create(-0.0759715535f));
            q = TLane.FusedMultiplyAdd(q, u, TLane.Create(0.129586188f));
            q = TLane.FusedMultiplyAdd(q, u, TLane.Create(0.109218719f));
            q = TLane.FusedMultiplyAdd(q, u, TLane.Create(0.132541289f));
            q = TLane.FusedMultiplyAdd(q, u, TLane.Create(0.131609375f));
            var beyond = power * (u * q);
            return TLane.Select(TLane.GreaterThan(x, TLane.Create(0f)), one - beyond, beyond);
        }
    }
}
