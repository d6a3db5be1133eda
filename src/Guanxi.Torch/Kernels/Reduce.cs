using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Sums over one row, in an order that no level or thread count changes: 32 running sums, added up pairwise at the end.</summary>
internal static unsafe class Reduce
{
    /// <summary>Sum of x^2.</summary>
    [MethodImpl(KernelRunner.Hot)]
    public static float SumOfSquares<TLane, T>(T* x, int count)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        var (even, odd) = (TLane.Create(0f), TLane.Create(0f));
        var i = 0;
        for (; i <= count - (2 * Lane.Width); i += 2 * Lane.Width)
        {
            var (a, b) = (Lane.Load<TLane, T>(x + i), Lane.Load<TLane, T>(x + i + Lane.Width));
            even = TLane.FusedMultiplyAdd(a, a, even);
            odd = TLane.FusedMultiplyAdd(b, b, odd);
        }

        if (i <= count - Lane.Width)
        {
            var a = Lane.Load<TLane, T>(x + i);
            even = TLane.FusedMultiplyAdd(a, a, even);
            i += Lane.Width;
        }

        if (i < count)
        {
            var b = Lane.LoadPart<TLane, T>(x + i, count - i);
            odd = TLane.FusedMultiplyAdd(b, b, odd);
        }

        return TLane.Sum(even + odd);
    }

    /// <summary>Sum of x.</summary>
    [MethodImpl(KernelRunner.Hot)]
    public static float Sum<TLane, T>(T* x, int count)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        var (even, odd) = (TLane.Create(0f), TLane.Create(0f));
        var i = 0;
        for (; i <= count - (2 * Lane.Width); i += 2 * Lane.Width)
        {
            even += Lane.Load<TLane, T>(x + i);
            odd += Lane.Load<TLane, T>(x + i + Lane.Width);
        }

        if (i <= count - Lane.Width)
        {
            even += Lane.Load<TLane, T>(x + i);
            i += Lane.Width;
        }

        return TLane.Sum(even + (i < count ? odd + Lane.LoadPart<TLane, T>(x + i, count - i) : odd));
    }

    /// <summary>Sum of (x - center)^2.</summary>
    [MethodImpl(KernelRunner.Hot)]
    public static float SumOfSquares<TLane, T>(T* x, float center, int count)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        var (even, odd, middle) = (TLane.Create(0f), TLane.Create(0f), TLane.Create(center));
        var i = 0;
        for (; i <= count - (2 * Lane.Width); i += 2 * Lane.Width)
        {
            var (a, b) = (Lane.Load<TLane, T>(x + i) - middle, Lane.Load<TLane, T>(x + i + Lane.Width) - middle);
            even = TLane.FusedMultiplyAdd(a, a, even);
            odd = TLane.FusedMultiplyAdd(b, b, odd);
        }

        if (i <= count - Lane.Width)
        {
            var a = Lane.Load<TLane, T>(x + i) - middle;
            even = TLane.FusedMultiplyAdd(a, a, even);
            i += Lane.Width;
        }

        if (i < count)
        {
            var here = Lane.FirstCells<TLane>(count - i);
            var b = TLane.Select(here, Lane.LoadPart<TLane, T>(x + i, count - i) - middle, TLane.Create(0f));
            odd = TLane.FusedMultiplyAdd(b, b, odd);
        }

        return TLane.Sum(even + odd);
    }

    /// <summary>Sum of x * y * z.</summary>
    [MethodImpl(KernelRunner.Hot)]
    public static float Dot<TLane, T>(T* x, T* y, T* z, int count)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        var (even, odd) = (TLane.Create(0f), TLane.Create(0f));
        var i = 0;
        for (; i <= count - (2 * Lane.Width); i += 2 * Lane.Width)
        {
            even = TLane.FusedMultiplyAdd(Lane.Load<TLane, T>(x + i), Lane.Load<TLane, T>(y + i) * Lane.Load<TLane, T>(z + i), even);
            var (b, c) = (Lane.Load<TLane, T>(y + i + Lane.Width), Lane.Load<TLane, T>(z + i + Lane.Width));
            odd = TLane.FusedMultiplyAdd(Lane.Load<TLane, T>(x + i + Lane.Width), b * c, odd);
        }

        if (i <= count - Lane.Width)
        {
            even = TLane.FusedMultiplyAdd(Lane.Load<TLane, T>(x + i), Lane.Load<TLane, T>(y + i) * Lane.Load<TLane, T>(z + i), even);
            i += Lane.Width;
        }

        if (i < count)
        {
            var rest = count - i;
            var product = Lane.LoadPart<TLane, T>(y + i, rest) * Lane.LoadPart<TLane, T>(z + i, rest);
            odd = TLane.FusedMultiplyAdd(Lane.LoadPart<TLane, T>(x + i, rest), product, odd);
        }

        return TLane.Sum(even + odd);
    }

    /// <summary>Sum of x * y.</summary>
    [MethodImpl(KernelRunner.Hot)]
    public static float Dot<TLane, T>(T* x, T* y, int count)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        var (even, odd) = (TLane.Create(0f), TLane.Create(0f));
        var i = 0;
        for (; i <= count - (2 * Lane.Width); i += 2 * Lane.Width)
        {
            even = TLane.FusedMultiplyAdd(Lane.Load<TLane, T>(x + i), Lane.Load<TLane, T>(y + i), even);
            odd = TLane.FusedMultiplyAdd(Lane.Load<TLane, T>(x + i + Lane.Width), Lane.Load<TLane, T>(y + i + Lane.Width), odd);
        }

        if (i <= count - Lane.Width)
        {
            even = TLane.FusedMultiplyAdd(Lane.Load<TLane, T>(x + i), Lane.Load<TLane, T>(y + i), even);
            i += Lane.Width;
        }

        if (i < count)
        {
            var rest = count - i;
            odd = TLane.FusedMultiplyAdd(Lane.LoadPart<TLane, T>(x + i, rest), Lane.LoadPart<TLane, T>(y + i, rest), odd);
        }

        return TLane.Sum(even + odd);
    }
}
