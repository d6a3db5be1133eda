namespace Guanxi.Torch;

/// <summary>Measures what the processor could do at best, at this moment: speeds are told as a share of it.</summary>
public static class PeakMeter
{
    /// <summary>Multiply-accumulate rate of several cores at once.</summary>
    /// <param name="dtype">Float32 or BFloat16.</param>
    /// <param name="threads">Cores to use.</param>
    /// <param name="duration">How long to run; 50 ms are enough.</param>
    /// <returns>Floating-point operations a second, a multiply-accumulate counted as two; null where the processor cannot multiply that type.</returns>
    public static double? Measure(DType dtype, int threads, TimeSpan duration)
    {
        var kind = dtype == DType.BFloat16 ? 1 : 0;
        if (Native.gx_peak(kind, 0, out _, out _) != 0)
        {
            return null;
        }

        var rates = new double[threads];
        var workers = new Thread[threads];
        for (var i = 0; i < threads; i++)
        {
            var slot = i;
            workers[i] = new Thread(() =>
            {
                if (Native.gx_peak(kind, duration.TotalSeconds, out var operations, out var elapsed) == 0)
                {
                    rates[slot] = operations / elapsed;
                }
            });
            workers[i].Start();
        }

        foreach (var worker in workers)
        {
            worker.Join();
        }

        return rates.Sum();
    }
}
