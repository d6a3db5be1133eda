using Guanxi.Torch.Kernels;

namespace Guanxi.Torch;

/// <content>Chance that is a function of a key, so that a resumed run draws the same.</content>
public static partial class Functional
{
    /// <summary>Random words.</summary>
    /// <param name="count">How many.</param>
    /// <param name="key">Seed, step and micro-batch.</param>
    /// <param name="site">What they are for; not a site of dropout.</param>
    /// <returns>[count], Int32 of all values alike; new tensor on the CPU, owned by the current scope.</returns>
    public static Tensor RandomWords(long count, DropoutKey key, int site)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        using var scope = TensorScope.Enter();
        var groups = Kernels.RandomWords.Groups(count);
        var words = Tensor.Empty([Kernels.RandomWords.WordsOf(groups)], DType.Int32, Device.Cpu);
        Draw(words, groups, new DropoutMask(key.Seed, key.Step, key.MicroBatch, site));
        return scope.Keep(words.Narrow(0, 0, count));
    }

    /// <summary>Uniform noise whose size differs from row to row.</summary>
    /// <param name="magnitudes">[N], Float32: a row's noise lies between minus and plus this.</param>
    /// <param name="width">C.</param>
    /// <param name="key">Seed, step and micro-batch.</param>
    /// <param name="site">What it is for; not a site of dropout.</param>
    /// <returns>[N, C], Float32; new tensor on the device of the magnitudes, owned by the current scope.</returns>
    public static Tensor UniformNoise(Tensor magnitudes, long width, DropoutKey key, int site)
    {
        ArgumentNullException.ThrowIfNull(magnitudes);
        const double Unit = 1.0 / (1L << 31);
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        var rows = magnitudes.Size(0);
        var words = RandomWords(rows * width, key, site).To(DType.Float32).View(rows, width).ToDevice(magnitudes.Device); // [N, C]
        return scope.Keep(words * (magnitudes * Unit).View(rows, 1));
    }

    private static unsafe void Draw(Tensor words, long groups, DropoutMask mask) => Kernels.RandomWords.Run((int*)words.DataPointer(), groups, mask);
}
