using System.Runtime.Intrinsics;

namespace Guanxi.Torch.Kernels;

/// <summary>The vector width that a kernel is compiled for.</summary>
internal enum KernelLevel
{
    /// <summary>One element at a time; runs anywhere and is what the others are tested against.</summary>
    Scalar,

    /// <summary>256-bit vectors (AVX2 and FMA).</summary>
    Vector256,

    /// <summary>512-bit vectors (AVX-512).</summary>
    Vector512,
}

/// <summary>Chooses the <see cref="KernelLevel"/> at start-up.</summary>
/// <remarks>Every level gives the same bits, so the choice decides speed only.</remarks>
internal static class KernelLevels
{
    [ThreadStatic]
    private static KernelLevel? t_forced;

    /// <summary>The widest level that this processor runs in hardware.</summary>
    public static KernelLevel Best { get; } =
        Vector512.IsHardwareAccelerated ? KernelLevel.Vector512
        : Vector256.IsHardwareAccelerated ? KernelLevel.Vector256
        : KernelLevel.Scalar;

    /// <summary>The level that kernels started by this thread use.</summary>
    public static KernelLevel Current => t_forced ?? Best;

    /// <summary>Makes the kernels that this thread starts use another level, supported or not: .NET emulates the missing widths.</summary>
    /// <param name="level">The level to use.</param>
    /// <returns>An object whose disposal restores the level used before.</returns>
    public static IDisposable Force(KernelLevel level)
    {
        var before = t_forced;
        t_forced = level;
        return new Restore(() => t_forced = before);
    }
}

/// <summary>Runs an action once, on disposal.</summary>
internal sealed class Restore(Action action) : IDisposable
{
    private Action? _action = action;

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref _action, null)?.Invoke();
}
