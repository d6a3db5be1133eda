using System.Text;
using Guanxi.Torch.Kernels;

namespace Guanxi.Torch;

/// <summary>The libtorch in use and its process-wide settings.</summary>
public static unsafe class TorchRuntime
{
    private delegate int TextReader(byte* text, int capacity, out int needed);

    /// <summary>Version of libtorch, e.g. <c>1.13.1</c>.</summary>
    public static string Version => Read(Native.gx_torch_version);

    /// <summary>Instruction set of libtorch's own CPU kernels: default, avx2 or avx512.</summary>
    public static string CpuCapability => Read(Native.gx_cpu_capability);

    /// <summary>Threads of one operator on the CPU: libtorch's, OpenBLAS's below it, or one of the kernels here.</summary>
    /// <value><c>OMP_NUM_THREADS</c> where the environment has it, else the number of processors.</value>
    public static int Threads
    {
        get
        {
            Native.Check(Native.gx_threads_get(out var count), nameof(Threads));
            return count;
        }

        set
        {
            Native.Check(Native.gx_threads_set(value), nameof(Threads));
            KernelThreads.Count = value;
        }
    }

    /// <summary>NVIDIA GPUs that libtorch can use.</summary>
    public static int CudaDeviceCount
    {
        get
        {
            Native.Check(Native.gx_cuda_device_count(out var count), nameof(CudaDeviceCount));
            return count;
        }
    }

    /// <summary>Seeds libtorch's default generators.</summary>
    /// <param name="seed">Any number.</param>
    public static void Seed(long seed) => Native.Check(Native.gx_seed(seed), nameof(Seed));

    /// <summary>Waits until a GPU has done all that was asked of it; nothing to wait for on the CPU.</summary>
    /// <param name="device">The device.</param>
    public static void Synchronize(Device device)
    {
        if (!device.IsCpu)
        {
            Native.Check(Native.gx_cuda_synchronize(device.Index), nameof(Synchronize));
        }
    }

    private static string Read(TextReader reader)
    {
        Native.Check(reader(null, 0, out var needed), nameof(TorchRuntime));
        var bytes = new byte[needed];
        fixed (byte* pointer = bytes)
        {
            Native.Check(reader(pointer, needed, out _), nameof(TorchRuntime));
        }

        return Encoding.UTF8.GetString(bytes);
    }
}
