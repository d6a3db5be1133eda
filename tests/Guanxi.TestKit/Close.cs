using Guanxi.Torch;
using Xunit;

namespace Guanxi.TestKit;

/// <summary>Elementwise absolute comparison that says where the greatest difference is.</summary>
public static class Close
{
    /// <summary>Asserts that two tensors agree in shape and, within a tolerance, in every element.</summary>
    /// <param name="expected">The reference.</param>
    /// <param name="actual">What was computed.</param>
    /// <param name="tolerance">Greatest absolute difference allowed.</param>
    /// <param name="what">Name for the message.</param>
    public static void Assert(Tensor expected, Tensor actual, double tolerance, string what)
    {
        Xunit.Assert.True(expected.Shape.SequenceEqual(actual.Shape), $"{what}: expected {expected}, found {actual}");
        using var scope = TensorScope.Enter();
        Assert(expected.To(DType.Float32).ToArray<float>(), actual.To(DType.Float32).ToArray<float>(), tolerance, what);
    }

    /// <summary>Asserts that two arrays agree, within a tolerance, in every element.</summary>
    /// <param name="expected">The reference.</param>
    /// <param name="actual">What was computed.</param>
    /// <param name="tolerance">Greatest absolute difference allowed.</param>
    /// <param name="what">Name for the message.</param>
    public static void Assert(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance, string what)
    {
        Xunit.Assert.True(expected.Length == actual.Length, $"{what}: expected {expected.Length} elements, found {actual.Length}");
        var (worst, where) = (0.0, -1);
        for (var i = 0; i < expected.Length; i++)
        {
            var difference = Math.Abs((double)expected[i] - actual[i]);
            if (!(difference <= worst))
            {
                (worst, where) = (difference, i);
            }
        }

        Xunit.Assert.True(worst <= tolerance, where < 0 ? what : $"{what}: element {where} is {actual[where]}, expected {expected[where]}; difference {worst} > {tolerance}");
    }
}
