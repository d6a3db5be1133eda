namespace Guanxi.Torch.Kernels.Quantisation;

/// <summary>Finds the nearest of 256 ascending values, the lower one on a tie.</summary>
/// <remarks>
/// The sign, the exponent and the first bits of the fraction of a number lead to the lowest code that it can have; from there it is
/// few steps to the right one, where halving an interval would take eight.
/// </remarks>
internal sealed class CodeSearch
{
    // Sign, exponent and six bits of the fraction.
    private const int KeptBits = 15;
    private const int DroppedBits = 32 - KeptBits;

    private readonly float[] _bounds;
    private readonly byte[] _lowest;

    /// <summary>Prepares the search.</summary>
    /// <param name="map">The values, ascending.</param>
    public CodeSearch(float[] map)
    {
        _bounds = new float[map.Length - 1];
        for (var i = 0; i < _bounds.Length; i++)
        {
            _bounds[i] = (map[i] + map[i + 1]) / 2;
        }

        _lowest = new byte[1 << KeptBits];
        for (var key = 0; key < _lowest.Length; key++)
        {
            // Of the numbers with these first bits the least is the one nearest to zero, and below zero the one farthest from it.
            var isNegative = key >> (KeptBits - 1) != 0;
            var bits = ((uint)key << DroppedBits) | (isNegative ? (1u << DroppedBits) - 1 : 0);
            var least = BitConverter.UInt32BitsToSingle(bits);
            _lowest[key] = (byte)_bounds.Count(bound => bound < least);
        }
    }

    /// <summary>The signed dynamic map's search.</summary>
    public static CodeSearch Signed { get; } = new(DynamicMap.Signed);

    /// <summary>The unsigned dynamic map's search.</summary>
    public static CodeSearch Unsigned { get; } = new(DynamicMap.Unsigned);

    /// <summary>Finds the code of a value.</summary>
    /// <param name="value">Finite.</param>
    /// <returns>How many bounds between two neighbours lie below it.</returns>
    public byte CodeOf(float value)
    {
        int code = _lowest[BitConverter.SingleToUInt32Bits(value) >> DroppedBits];
        while (code < _bounds.Length && _bounds[code] < value)
        {
            code++;
        }

        return (byte)code;
    }
}
