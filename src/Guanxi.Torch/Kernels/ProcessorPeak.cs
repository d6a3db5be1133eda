using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Guanxi.Torch.Kernels;

/// <summary>Measures how many float32 operations a second the processor does when nothing but multiply-add units limits it.</summary>
/// <remarks>
/// Clock and load change from minute to minute, so a speed is best given as a share of the peak measured beside it.
/// Ten or more chains of dependent multiply-adds keep two units of four to five cycles' latency busy.
/// </remarks>
internal static class ProcessorPeak
{
    private const int Rounds = 1 << 14;

    /// <summary>Measures.</summary>
    /// <param name="threads">Threads that compute at the same time.</param>
    /// <param name="duration">How long; 30 to 100 ms are enough.</param>
    /// <returns>Billions of operations a second over all threads; a multiply-add counts as two.</returns>
    public static double MeasureFloat32(int threads, TimeSpan duration)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        var rates = new double[threads];
        using var start = new Barrier(threads);
        var workers = Enumerable.Range(0, threads).Select(index => new Thread(() => rates[index] = Rate(start, duration))).ToList();
        workers.ForEach(worker => worker.Start());
        workers.ForEach(worker => worker.Join());
        return rates.Sum() / 1e9;
    }

    private static double Rate(Barrier start, TimeSpan duration)
    {
        Batch();
        start.SignalAndWait();
        var begin = Stopwatch.GetTimestamp();
        var operations = 0.0;
        TimeSpan elapsed;
        do
        {
            operations += Batch();
            elapsed = Stopwatch.GetElapsedTime(begin);
        }
        while (elapsed < duration);
        return operations / elapsed.TotalSeconds;
    }

    // The product by 0.5 and sum with 0.5 tend to one, so no chain overflows or turns subnormal.
    private static double Batch() => Vector512.IsHardwareAccelerated ? Batch512(0.5f)
        : Vector256.IsHardwareAccelerated ? Batch256(0.5f)
        : BatchScalar(0.5f);

    [MethodImpl(MethodImplOptions.NoInlining | KernelRunner.Hot)]
    private static double Batch512(float half)
    {
        var h = Vector512.Create(half);
        var (a, b, c, d, e, f) = (h, h, h, h, h, h);
        var (g, i, j, k, l, m) = (h, h, h, h, h, h);
        for (var round = 0; round < Rounds; round++)
        {
            a = Vector512.FusedMultiplyAdd(a, h, h);
            b = Vector512.FusedMultiplyAdd(b, h, h);
            c = Vector512.FusedMultiplyAdd(c, h, h);
            d = Vector512.FusedMultiplyAdd(d, h, h);
            e = Vector512.FusedMultiplyAdd(e, h, h);
            f = Vector512.FusedMultiplyAdd(f, h, h);
            g = Vector512.FusedMultiplyAdd(g, h, h);
            i = Vector512.FusedMultiplyAdd(i, h, h);
            j = Vector512.FusedMultiplyAdd(j, h, h);
            k = Vector512.FusedMultiplyAdd(k, h, h);
            l = Vector512.FusedMultiplyAdd(l, h, h);
            m = Vector512.FusedMultiplyAdd(m, h, h);
        }

        return Operations(Vector512.Sum(a + b + c + d + e + f + g + i + j + k + l + m), 12 * Vector512<float>.Count);
    }

    [MethodImpl(MethodImplOptions.NoInlining | KernelRunner.Hot)]
    private static double Batch256(float half)
    {
        var h = Vector256.Create(half);
        var (a, b, c, d, e, f) = (h, h, h, h, h, h);
        var (g, i, j, k, l, m) = (h, h, h, h, h, h);
        for (var round = 0; round < Rounds; round++)
        {
            a = Vector256.FusedMultiplyAdd(a, h, h);
            b = Vector256.FusedMultiplyAdd(b, h, h);
            c = Vector256.FusedMultiplyAdd(c, h, h);
            d = Vector256.FusedMultiplyAdd(d, h, h);
            e = Vector256.FusedMultiplyAdd(e, h, h);
            f = Vector256.FusedMultiplyAdd(f, h, h);
            g = Vector256.FusedMultiplyAdd(g, h, h);
            i = Vector256.FusedMultiplyAdd(i, h, h);
            j = Vector256.FusedMultiplyAdd(j, h, h);
            k = Vector256.FusedMultiplyAdd(k, h, h);
            l = Vector256.FusedMultiplyAdd(l, h, h);
            m = Vector256.FusedMultiplyAdd(m, h, h);
        }

        return Operations(Vector256.Sum(a + b + c + d + e + f + g + i + j + k + l + m), 12 * Vector256<float>.Count);
    }

    [MethodImpl(MethodImplOptions.NoInlining | KernelRunner.Hot)]
    private static double BatchScalar(float h)
    {
        var (a, b, c, d) = (h, h, h, h);
        for (var round = 0; round < Rounds; round++)
        {
            a = (a * h) + h;
            b = (b * h) + h;
            c = (c * h) + h;
            d = (d * h) + h;
        }

        return Operations(a + b + c + d, 4);
    }

    // The result takes part in the answer, so that the work cannot be left out: it is a positive number whose product with zero is zero.
    private static double Operations(float result, int lanes) => (2.0 * Rounds * lanes) + (0f * result);
}
