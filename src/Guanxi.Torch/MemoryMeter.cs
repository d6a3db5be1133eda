using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Guanxi.Torch.Kernels;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch;

/// <summary>Measures how fast the memory can be read at this moment: kernels that only pass over weights are told as a share of it.</summary>
public static unsafe class MemoryMeter
{
    /// <summary>Far larger than a cache that a processor shares with its neighbours.</summary>
    public const long UsualBytes = 512L << 20;

    private const long PartBytes = 1L << 20;

    // Streams that are read in turn, and how far ahead of each the next line is asked for.
    private const int Streams = 4;
    private const int AheadBytes = 1024;

    /// <summary>Reads memory in four interleaved streams a thread, with prefetch.</summary>
    /// <param name="bytes">How much, rounded down to whole MiB; <see cref="UsualBytes"/> unless speed does not matter.</param>
    /// <param name="samples">Passes; the median counts.</param>
    /// <param name="time">The clock.</param>
    /// <returns>Bytes a second of all threads together.</returns>
    public static double Measure(long bytes, int samples, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, PartBytes);
        bytes -= bytes % PartBytes;
        using var scope = TensorScope.Enter();
        var memory = Tensor.Zeros([bytes / sizeof(float)], DType.Float32, Device.Cpu);
        var seconds = new List<double>();
        for (var i = 0; i <= samples; i++)
        {
            var start = time.GetTimestamp();
            KernelRunner.For(bytes / PartBytes, 1, new ReadKernel((float*)memory.DataPointer()));
            seconds.Add(time.GetElapsedTime(start).TotalSeconds);
        }

        return bytes / seconds.Skip(1).Order().ElementAt((samples - 1) / 2);
    }

    private readonly struct ReadKernel(float* memory) : IKernel
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            const long StreamLength = PartBytes / sizeof(float) / Streams;
            var (sum0, sum1, sum2, sum3) = (TLane.Create(0), TLane.Create(0), TLane.Create(0), TLane.Create(0));
            for (var part = first; part < last; part++)
            {
                var stream = memory + (part * Streams * StreamLength);
                for (var end = stream + StreamLength; stream < end; stream += Lane.Width)
                {
                    sum0 += Next<TLane>(stream);
                    sum1 += Next<TLane>(stream + StreamLength);
                    sum2 += Next<TLane>(stream + (2 * StreamLength));
                    sum3 += Next<TLane>(stream + (3 * StreamLength));
                }
            }

            // Looked at, so that nothing is left out.
            Debug.Assert(TLane.Sum(sum0 + sum1 + sum2 + sum3) == 0, "the memory is zero");
            GC.KeepAlive(TLane.Sum(sum0 + sum1 + sum2 + sum3));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TLane Next<TLane>(float* at)
            where TLane : struct, ILane<TLane>
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch0((byte*)at + AheadBytes);
            }

            return TLane.Load(at);
        }
    }
}
