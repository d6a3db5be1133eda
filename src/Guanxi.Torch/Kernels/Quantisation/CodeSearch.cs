using System.Runtime.CompilerServices;

namespace Guanxi.Torch.Kernels.Quantisation;

/// <summary>Finds the nearest of 256 ascending values, the lower one on a tie.</summary>
/// <remarks>
/// The sign, the exponent and the first bits of the fraction of a number lead to the lowest code that it can have; from there it is
/// few steps to the right one, where halving an interval would take eight. All of them are always taken: which are needed no processor
/// could predict.
/// </remarks>
internal sealed class CodeSearch
{
    // Sign, exponent and six bits of the fraction.
    private const int KeptBits = 15;
    private const int DroppedBits = 32 - KeptBits;

    private readonly float[] _bounds;
    private readonly byte[] _lowest;
    private readonly int _steps;

    /// <summary>Prepares the search.</summary>
    /// <param name="map">The values, ascending.</param>
    public CodeSearch(float[] map)
    {
        var bounds = map.Zip(map.Skip(1), (low, high) => (low + high) / 2).ToArray();
        _lowest = new byte[1 << KeptBits];
        for (var key = 0; key < _lowest.Length; key++)
        {
            // Of the numbers with these first bits the least is the one nearest to zero, and below zero the one farthest from it.
            var isNegative = key >> (KeptBits - 1) != 0;
            var (nearest, farthest) = (Number(key, 0), Number(key, (1u << DroppedBits) - 1));
            var (least, most) = isNegative ? (farthest, nearest) : (nearest, farthest);
            var lowest = bounds.Count(bound => bound < least);
            _lowest[key] = (byte)lowest;
            _steps = Math.Max(_steps, bounds.Count(bound => bound < most) - lowest);
        }

        // Nothing lies above the last bounds, so that steps beyond the last code do nothing.
        _bounds = [.. bounds, .. Enumerable.Repeat(float.PositiveInfinity, _steps + 1)];

        static float Number(int key, uint rest) => BitConverter.UInt32BitsToSingle(((uint)key << DroppedBits) | rest);
    }

    /// <summary>The signed dynamic map's search.</summary>
    public static CodeSearch Signed { get; } = new(DynamicMap.Signed);

    /// <summary>The unsigned dynamic map's search.</summary>
    public static CodeSearch Unsigned { get; } = new(DynamicMap.Unsigned);

    /// <summary>Finds the code of a value.</summary>
    /// <param name="value">Finite.</param>
    /// <returns>How many bounds between two neighbours lie below it.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte CodeOf(float value)
    {
        int code = _lowest[BitConverter.SingleToUInt32Bits(value) >> DroppedBits];
        for (var step = 0; step < _steps; step++)
        {
            code += _bounds[code] < value ? 1 : 0;
        }

        return (byte)code;
    }
}
