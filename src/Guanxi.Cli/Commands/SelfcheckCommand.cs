using Guanxi.Torch;
using Guanxi.Transformers.Models;

namespace Guanxi.Cli.Commands;

/// <summary><c>selfcheck</c>: whether what the program needs is there and computes rightly.</summary>
internal static class SelfcheckCommand
{
    private const string Summary = "Checks the installation.";

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("selfcheck", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("selfcheck", Summary) { Examples = ["./guanxi selfcheck"] };
        command.SetAction(_ => Run(Console.Out));
        return command;
    }

    private static int Run(TextWriter output)
    {
        output.WriteLine($"guanxi {ProgramVersion.Number}, commit {ProgramVersion.Commit}");
        output.WriteLine($"libtorch {TorchRuntime.Version}, {TorchRuntime.Threads} threads, {TorchRuntime.CudaDeviceCount} GPUs");
        ComputeType.Choose("auto", Device.Cpu, out var why);
        output.WriteLine(why);
        CheckGradient();
        output.WriteLine("products and gradients are right");
        return ExitCode.Done;
    }

    /// <summary>A product whose value and gradient are known: that operators, autograd and memory work together.</summary>
    private static void CheckGradient()
    {
        using var scope = TensorScope.Enter();
        var x = Tensor.From<float>([1, 2, 3, 4], 2, 2);
        x.RequiresGrad = true;
        var loss = x.MatrixProduct(x).Sum();
        loss.Backward();
        float[] gradient = x.Grad!.ToArray<float>();
        if (loss.Item() != 54 || !gradient.AsSpan().SequenceEqual((float[])[7, 11, 9, 13]))
        {
            throw new TorchException($"libtorch computes wrongly: expected 54 and [7, 11, 9, 13], found {loss.Item()} and [{string.Join(", ", gradient)}]");
        }
    }
}
