using System.Runtime.InteropServices;
using Guanxi.TestKit;
using Guanxi.Torch.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests;

public sealed class TensorTests
{
    [Fact]
    public void Strides_of_any_kind_give_a_view_that_stays_inside_its_memory()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var x = Tensor.From<float>([0, 1, 2, 3, 4, 5], 6);

        Assert.Equal([0f, 2f, 4f, 1f, 3f, 5f], x.AsStrided([2, 3], [1, 2]).ToArray<float>());
        Assert.Equal([2f, 2f, 5f, 5f], x.Narrow(0, 2, 4).AsStrided([2, 2], [3, 0]).ToArray<float>());
        Assert.Throws<TorchException>(() => x.AsStrided([2, 3], [2, 2]));
    }

    [Fact]
    public void An_operator_is_called_by_its_name()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var left = Tensor.From<float>([1, 2, 3, 4, 5, 6], 2, 3);
        var right = Tensor.From<float>([1, 0, 0, 1, 1, 1], 3, 2);

        var product = left.MatMul(right);

        Assert.Equal([2L, 2L], product.Shape.ToArray());
        Assert.Equal([4f, 5f, 10f, 11f], product.ToArray<float>());
    }

    [Fact]
    public void A_refused_operator_names_itself_and_the_reason()
    {
        using var scope = TensorScope.Enter();
        var left = Tensor.Zeros([2, 3], DType.Float32, Device.Cpu);

        var error = Assert.Throws<TorchException>(() => left.MatMul(left));

        Assert.Equal("aten::matmul", error.Operation);
        Assert.Contains("aten::matmul", error.Message, StringComparison.Ordinal);
        Assert.Contains("shape", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_operator_is_named()
    {
        var error = Assert.Throws<TorchException>(() => new Operator("aten::no_such_operator", "x").Invoke());
        Assert.Contains("aten::no_such_operator.x", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_allocation_that_cannot_be_met_is_told_as_such()
    {
        var error = Assert.Throws<TorchException>(() => Tensor.Empty([1L << 46], DType.Float32, Device.Cpu));
        Assert.True(error.IsOutOfMemory, error.Message);
    }

    [Fact]
    public void A_scope_disposes_what_was_not_kept()
    {
        using var leaks = new LeakCheck();
        Tensor kept;
        using (var outer = TensorScope.Enter())
        {
            Tensor inner;
            using (var scope = TensorScope.Enter())
            {
                var dropped = Tensor.Zeros([4], DType.Float32, Device.Cpu);
                inner = scope.Keep(dropped + 1);
                Assert.Equal(2, TensorStatistics.LiveTensors);
            }

            Assert.Equal(1, TensorStatistics.LiveTensors);
            kept = outer.Keep(inner + 1);
        }

        Assert.Equal([2f, 2f, 2f, 2f], kept.ToArray<float>());
        kept.Dispose();
    }

    [Fact]
    public void Views_count_no_bytes_of_their_own()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var before = TensorStatistics.LiveBytes;
        var whole = Tensor.Zeros([8, 16], DType.Float32, Device.Cpu);
        _ = whole.Narrow(0, 2, 3);

        Assert.Equal(8 * 16 * 4, TensorStatistics.LiveBytes - before);
    }

    [Fact]
    public void A_tensor_nobody_disposed_is_freed_by_the_collector()
    {
        using var leaks = new LeakCheck();
        Drop();

        static void Drop() => _ = Tensor.Zeros([1024], DType.Float32, Device.Cpu);
    }

    [Fact]
    public void Strided_memory_is_not_handed_out_as_a_span()
    {
        using var scope = TensorScope.Enter();
        var transposed = Tensor.Zeros([2, 3], DType.Float32, Device.Cpu).Transpose(0, 1);
        Assert.Throws<InvalidOperationException>(() => transposed.AsSpan<float>().Length);
        Assert.Throws<InvalidOperationException>(() => Tensor.Zeros([2], DType.Float32, Device.Cpu).AsSpan<byte>().Length);
    }

    [Theory]
    [InlineData("cpu", true, "cpu")]
    [InlineData("cuda", true, "cuda:0")]
    [InlineData("cuda:3", true, "cuda:3")]
    [InlineData("cuda:x", false, "cpu")]
    [InlineData("gpu", false, "cpu")]
    public void Device_names_are_read(string text, bool known, string name)
    {
        Assert.Equal(known, Device.TryParse(text, out var device));
        Assert.Equal(name, device.ToString());
    }

    [Fact]
    public void Mapped_memory_becomes_a_tensor_without_a_copy()
    {
        using var leaks = new LeakCheck();
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, [9, 9, 9, 9, 0, 0, 128, 63, 0, 0, 0, 64]);
            using var file = System.IO.MemoryMappedFiles.MemoryMappedFile.CreateFromFile(path, FileMode.Open);
            using var view = file.CreateViewAccessor();
            using var scope = TensorScope.Enter();
            var tensor = Tensor.FromMemory(view.SafeMemoryMappedViewHandle, 4, DType.Float32, 2);
            Assert.Equal([1f, 2f], tensor.ToArray<float>());
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void The_runtime_tells_what_it_is()
    {
        Assert.Matches(@"^\d+\.\d+", TorchRuntime.Version);
        Assert.Matches("^[a-z0-9]+$", TorchRuntime.CpuCapability);
        Assert.InRange(TorchRuntime.CudaDeviceCount, 0, 64);
        if (Environment.GetEnvironmentVariable("OMP_NUM_THREADS") is null)
        {
            Assert.Equal(Environment.ProcessorCount, TorchRuntime.Threads);
        }

        // With OMP_NUM_THREADS too, which the kernels here once took no notice of.
        Assert.Equal(TorchRuntime.Threads, KernelThreads.Count);
    }

    [Fact]
    public unsafe void OpenBLAS_has_the_threads_that_everything_else_has()
    {
        // Which libtorch knows nothing of: with one thread asked for, its products once took all cores.
        static int[] Counts() => [.. File.ReadLines("/proc/self/maps")
            .Where(line => line.Contains("openblas", StringComparison.Ordinal) && line.Contains('/', StringComparison.Ordinal)).Select(line => line[line.IndexOf('/', StringComparison.Ordinal)..]).Distinct()
            .Where(path => NativeLibrary.TryGetExport(NativeLibrary.Load(path), "openblas_get_num_threads", out _))
            .Select(path => ((delegate* unmanaged[Cdecl]<int>)NativeLibrary.GetExport(NativeLibrary.Load(path), "openblas_get_num_threads"))())];
        var before = TorchRuntime.Threads;
        Assert.All(Counts(), count => Assert.Equal(before, count));
        try
        {
            TorchRuntime.Threads = 1;
            Assert.All(Counts(), count => Assert.Equal(1, count));
        }
        finally
        {
            TorchRuntime.Threads = before;
        }

        Assert.All(Counts(), count => Assert.Equal(before, count));
    }

    [Fact]
    public void A_disposed_gradient_is_refused()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var (x, gradient) = (Tensor.Zeros([2], DType.Float32, Device.Cpu), Tensor.Zeros([2], DType.Float32, Device.Cpu));
        x.Grad = gradient;
        x.Grad = null;
        Assert.Null(x.Grad);
        gradient.Dispose();
        Assert.Throws<ObjectDisposedException>(() => x.Grad = gradient);
    }

    [Fact]
    public void The_collector_hears_of_memory_once_no_scope_releases_it()
    {
        using var leaks = new LeakCheck();
        const long Bytes = 1000 * sizeof(float);
        Tensor kept, detached;
        using (var outer = TensorScope.Enter())
        {
            using (var inner = TensorScope.Enter())
            {
                (kept, detached) = (inner.Keep(Zeros()), TensorScope.Detach(Zeros()));
                Assert.Equal((0L, Bytes), (kept.Handle.ReportedBytes, detached.Handle.ReportedBytes));
            }

            _ = outer.Keep(kept);
        }

        using var alone = Zeros();
        Assert.All([kept, detached, TensorScope.Detach(detached), alone], tensor => Assert.Equal(Bytes, tensor.Handle.ReportedBytes));
        kept.Dispose();
        detached.Dispose();

        // Memory that has gone must not be told: nothing would take it back.
        using var scope = TensorScope.Enter();
        var gone = Zeros();
        gone.Dispose();
        Assert.Equal(0, TensorScope.Detach(gone).Handle.ReportedBytes);

        static Tensor Zeros() => Tensor.Zeros([1000], DType.Float32, Device.Cpu);
    }

    [Fact]
    public void Only_the_whole_parts_that_were_read_count_for_the_speed_of_the_memory() =>
        Assert.Equal(MemoryMeter.Measure(2 << 20, 1, new TickingClock()), MemoryMeter.Measure((3 << 20) - 1, 1, new TickingClock()));

    /// <summary>A second passes whenever it is looked at.</summary>
    private sealed class TickingClock : TimeProvider
    {
        private long _seconds;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => _seconds++;
    }
}
