using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>AdamW (Loshchilov and Hutter 2019) on float32 arrays in one pass, in the order of operations of torch.optim.AdamW.</summary>
internal static unsafe class AdamW
{
    private const long Grain = 8 * 1024;

    /// <summary>Makes one step.</summary>
    /// <param name="parameter">Parameter, changed.</param>
    /// <param name="gradient">Gradient.</param>
    /// <param name="first">First moment, changed; zeros before step 1.</param>
    /// <param name="second">Second moment, changed; zeros before step 1.</param>
    /// <param name="count">Elements of each.</param>
    /// <param name="settings">The numbers.</param>
    public static void Run(float* parameter, float* gradient, float* first, float* second, long count, AdamWSettings settings) =>
        KernelRunner.For(count, Grain, new Kernel(parameter, gradient, first, second, settings));

    /// <summary>Makes one step of a part on the calling thread.</summary>
    /// <typeparam name="TLane">Registers of one level.</typeparam>
    /// <param name="parameter">Parameter, changed.</param>
    /// <param name="gradient">Gradient.</param>
    /// <param name="first">First moment, changed.</param>
    /// <param name="second">Second moment, changed.</param>
    /// <param name="count">Elements of each.</param>
    /// <param name="settings">The numbers.</param>
    public static void Part<TLane>(float* parameter, float* gradient, float* first, float* second, long count, AdamWSettings settings)
        where TLane : struct, ILane<TLane> => new Kernel(parameter, gradient, first, second, settings).Run<TLane, float>(0, count);

    private readonly struct Kernel(
        float* parameter, float* gradient, float* firstMoment, float* secondMoment, AdamWSettings settings) : IKernel
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var factors = new Factors<TLane>(settings);
            var i = first;
            for (; i <= last - Lane.Width; i += Lane.Width)
            {
                var (p, m, v) = factors.Update(
                    TLane.Load(parameter + i), TLane.Load(gradient + i), TLane.Load(firstMoment + i), TLane.Load(secondMoment + i));
                TLane.Store(p, parameter + i);
                TLane.Store(m, firstMoment + i);
                TLane.Store(v, secondMoment + i);
            }

            if (i < last)
            {
                var rest = last - i;
                var (p, m, v) = factors.Update(
                    Lane.LoadPart<TLane, float>(parameter + i, rest),
                    Lane.LoadPart<TLane, float>(gradient + i, rest),
                    Lane.LoadPart<TLane, float>(firstMoment + i, rest),
                    Lane.LoadPart<TLane, float>(secondMoment + i, rest));
                Lane.StorePart(p, parameter + i, rest);
                Lane.StorePart(m, firstMoment + i, rest);
                Lane.StorePart(v, secondMoment + i, rest);
            }
        }
    }

    // Each factor is computed in double precision and rounded to float32 once, as torch does with Python's numbers.
    private readonly struct Factors<TLane>(AdamWSettings settings)
        where TLane : struct, ILane<TLane>
    {
        private readonly TLane _gradientScale = TLane.Create((float)settings.GradientScale);
        private readonly TLane _shrink = TLane.Create((float)(1 - (settings.LearningRate * settings.WeightDecay)));
        private readonly TLane _towardsGradient = TLane.Create((float)(1 - settings.Beta1));
        private readonly TLane _keepSecond = TLane.Create((float)settings.Beta2);
        private readonly TLane _addSquare = TLane.Create((float)(1 - settings.Beta2));
        private readonly TLane _rootCorrection = TLane.Create((float)Math.Sqrt(1 - Math.Pow(settings.Beta2, settings.Step)));
        private readonly TLane _epsilon = TLane.Create((float)settings.Epsilon);
        private readonly TLane _stepSize = TLane.Create((float)-(settings.LearningRate / (1 - Math.Pow(settings.Beta1, settings.Step))));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public (TLane Parameter, TLane First, TLane Second) Update(TLane parameter, TLane gradient, TLane first, TLane second)
        {
            gradient *= _gradientScale;
            first = TLane.FusedMultiplyAdd(_towardsGradient, gradient - first, first);
            second = TLane.FusedMultiplyAdd(_addSquare * gradient, gradient, second * _keepSecond);
            var root = (TLane.Sqrt(second) / _rootCorrection) + _epsilon;
            return ((parameter * _shrink) + (_stepSize * first / root), first, second);
        }
    }
}
