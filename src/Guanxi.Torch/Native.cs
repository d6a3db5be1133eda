using System.Runtime.InteropServices;
using Guanxi.Torch.Kernels.Products;

namespace Guanxi.Torch;

/// <summary>The C ABI of <c>native/guanxi_torch.h</c>, name by name; a test compares the two.</summary>
internal static unsafe partial class Native
{
    private const string Library = NativeLoader.LibraryName;

    static Native() => NativeLoader.Register();

    [LibraryImport(Library)]
    internal static partial byte* gx_last_error();

    [LibraryImport(Library)]
    internal static partial int gx_abi_version(out int version);

    [LibraryImport(Library)]
    internal static partial int gx_torch_version(byte* text, int capacity, out int needed);

    [LibraryImport(Library)]
    internal static partial int gx_cpu_capability(byte* text, int capacity, out int needed);

    [LibraryImport(Library)]
    internal static partial int gx_threads_get(out int count);

    [LibraryImport(Library)]
    internal static partial int gx_threads_set(int count);

    [LibraryImport(Library)]
    internal static partial int gx_cuda_device_count(out int count);

    [LibraryImport(Library)]
    internal static partial int gx_cuda_synchronize(int deviceIndex);

    [LibraryImport(Library)]
    internal static partial int gx_seed(long seed);

    [LibraryImport(Library)]
    internal static partial int gx_peak(int kind, double seconds, out double operations, out double elapsed);

    [LibraryImport(Library)]
    internal static partial byte gx_pairs_available();

    [LibraryImport(Library)]
    internal static partial void gx_pairs_multiply(NativePairProduct* product);

    [LibraryImport(Library)]
    internal static partial void gx_tensor_free(nint tensor);

    [LibraryImport(Library)]
    internal static partial int gx_tensor_from_memory(
        nint data, int dtype, long* sizes, int rank, delegate* unmanaged[Cdecl]<long, void> release, long context, out nint tensor);

    [LibraryImport(Library)]
    internal static partial int gx_tensor_describe(TensorHandle tensor, out NativeTensorInfo info);

    [LibraryImport(Library)]
    internal static partial int gx_tensor_layout(TensorHandle tensor, long* sizes, long* strides);

    [LibraryImport(Library)]
    internal static partial int gx_tensor_alias(TensorHandle tensor, out nint alias);

    [LibraryImport(Library)]
    internal static partial int gx_tensor_set_requires_grad(TensorHandle tensor, byte requiresGrad);

    [LibraryImport(Library)]
    internal static partial int gx_tensor_grad(TensorHandle tensor, out nint grad);

    [LibraryImport(Library)]
    internal static partial int gx_tensor_set_grad(TensorHandle tensor, nint grad);

    [LibraryImport(Library)]
    internal static partial int gx_operator_find(byte* name, int nameLength, byte* overload, int overloadLength, out nint op);

    [LibraryImport(Library)]
    internal static partial int gx_operator_call(
        nint op, NativeValue* arguments, int argumentCount, NativeValue* results, int resultCapacity, out int resultCount);

    [LibraryImport(Library)]
    internal static partial void gx_list_free(nint list);

    [LibraryImport(Library)]
    internal static partial int gx_grad_mode_get(out byte enabled);

    [LibraryImport(Library)]
    internal static partial int gx_grad_mode_set(byte enabled);

    [LibraryImport(Library)]
    internal static partial int gx_backward_run(nint* roots, nint* gradients, int count, byte retainGraph);

    [LibraryImport(Library)]
    internal static partial int gx_autograd_record(
        nint* inputs,
        int inputCount,
        nint* outputs,
        int outputCount,
        delegate* unmanaged[Cdecl]<long, nint*, int, nint*, int, byte*, int, int> backward,
        delegate* unmanaged[Cdecl]<long, void> release,
        long context,
        nint* recorded);

    [LibraryImport(Library)]
    internal static partial int gx_gradient_watch(TensorHandle leaf, delegate* unmanaged[Cdecl]<long, void> ready, long context, out nint watch);

    [LibraryImport(Library)]
    internal static partial void gx_gradient_watch_free(nint watch);

    [LibraryImport(Library)]
    internal static partial int gx_group_create(
        byte* backend, int backendLength, byte* host, int hostLength, int port, byte* address, int addressLength, int rank, int worldSize,
        long joinMilliseconds, long exchangeMilliseconds, out nint group);

    [LibraryImport(Library)]
    internal static partial void gx_group_free(nint group);

    [LibraryImport(Library)]
    internal static partial int gx_group_all_reduce(ProcessGroupHandle group, TensorHandle tensor, out nint work);

    [LibraryImport(Library)]
    internal static partial int gx_group_broadcast(ProcessGroupHandle group, TensorHandle tensor, int root, out nint work);

    [LibraryImport(Library)]
    internal static partial int gx_group_all_gather(ProcessGroupHandle group, TensorHandle input, nint* outputs, int outputCount, out nint work);

    [LibraryImport(Library)]
    internal static partial int gx_work_wait(WorkHandle work);

    [LibraryImport(Library)]
    internal static partial void gx_work_free(nint work);

    /// <summary>Throws what a status other than success stands for.</summary>
    internal static void Check(int status, string operation)
    {
        if (status != 0)
        {
            throw TorchException.FromStatus(status, operation, Marshal.PtrToStringUTF8((nint)gx_last_error()) ?? string.Empty);
        }
    }
}
