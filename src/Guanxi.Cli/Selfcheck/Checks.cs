using System.Globalization;
using Guanxi.Cli.Benchmarks;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Models;

namespace Guanxi.Cli.Selfcheck;

/// <summary>One check of the installation.</summary>
/// <param name="Name">What is checked.</param>
/// <param name="Run">Gives what was found, in a sentence; throws when it is not as it should be.</param>
internal sealed record Check(string Name, Func<string> Run);

/// <summary>What an installation must be able to do, from the library up.</summary>
internal static class Checks
{
    // The program itself and a tiny model fit; a base that is worth anything does not.
    private const long LeastMemory = 1L << 30;

    /// <summary>All checks, in the order in which they build on each other.</summary>
    public static IReadOnlyList<Check> All { get; } =
    [
        new("libtorch", Library),
        new("instruction set", InstructionSet),
        new("operators", Operators),
        new("training", ReferenceRun.Check),
        new("embedded base", EmbeddedBase),
        new("memory", Memory),
    ];

    /// <summary>Runs the checks one after the other; one that fails does not keep the others from running.</summary>
    /// <param name="checks">The checks.</param>
    /// <param name="output">Told one line each.</param>
    /// <returns>What failed.</returns>
    public static IReadOnlyList<Problem> Run(IReadOnlyList<Check> checks, TextWriter output)
    {
        var problems = new List<Problem>();
        foreach (var check in checks)
        {
            try
            {
                var found = check.Run();
                output.WriteLine($"ok      {check.Name}: {found}");
            }
            catch (Exception error) when (error is TorchException or CheckpointException or IOException or TypeInitializationException)
            {
                // What an installation lacks shows itself as one of these; anything else is a fault of the program.
                var cause = ErrorBoundary.CauseOf(error);
                output.WriteLine($"FAILED  {check.Name}");
                problems.Add(new Problem(check.Name, cause.Message));
            }
        }

        return problems;
    }

    private static string Library() => $"{TorchRuntime.Version}, {TorchRuntime.Threads} threads, {TorchRuntime.CudaDeviceCount} GPUs";

    private static string InstructionSet()
    {
        ComputeType.Choose(ComputeType.Auto, Device.Cpu, TimeProvider.System, out var why);
        var sets = Machine.InstructionSets;
        var slow = sets.Contains("avx2") && sets.Contains("fma") ? string.Empty : "; without AVX2 and FMA everything is slow";
        return $"{Machine.Processor} ({string.Join(", ", sets)}); libtorch's kernels for {TorchRuntime.CpuCapability}; {why}{slow}";
    }

    /// <summary>A product whose value and gradient are known: that operators, autograd and memory work together.</summary>
    private static string Operators()
    {
        using var scope = TensorScope.Enter();
        var x = Tensor.From<float>([1, 2, 3, 4], 2, 2);
        x.RequiresGrad = true;
        var loss = x.MatrixProduct(x).Sum();
        loss.Backward();
        float[] gradient = x.Grad!.ToArray<float>();
        return loss.Item() == 54 && gradient.AsSpan().SequenceEqual((float[])[7, 11, 9, 13])
            ? "products and gradients are right"
            : throw new TorchException($"libtorch computes wrongly: expected 54 and [7, 11, 9, 13], found {loss.Item()} and [{string.Join(", ", gradient)}]");
    }

    private static string EmbeddedBase()
    {
        using var model = LanguageModel.Load(
            Path.Combine(EmbeddedFiles.FindRoot(), EmbeddedFiles.Base), new LanguageModelOptions { ComputeType = DType.Float32 });
        model.RequireTokenizer();
        return string.Create(CultureInfo.InvariantCulture, $"{model.Config.ParameterCount / 1e6:F1} million parameters and its tokenizer");
    }

    private static string Memory()
    {
        var free = AvailableMemory.Bytes();
        if (free < LeastMemory)
        {
            throw new TorchException($"{Bytes.Show(free.Value)} are free, and training needs {Bytes.Show(LeastMemory)} at the very least: close other programs");
        }

        // What earlier checks dropped counts only once the collector has looked.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var left = TensorStatistics.LiveTensors;
        return left == 0
            ? $"{(free is { } bytes ? Bytes.Show(bytes) : "an unknown amount")} free of {Bytes.Show(Machine.MemoryBytes)}; nothing of the checks is left"
            : throw new TorchException($"{left} tensors of the checks were left alive");
    }
}
