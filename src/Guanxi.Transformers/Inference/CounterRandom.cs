namespace Guanxi.Transformers.Inference;

/// <summary>Random numbers as a function of a seed and a count, so that a draw does not depend on what was drawn before it.</summary>
/// <remarks>SplitMix64: Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014.</remarks>
internal static class CounterRandom
{
    private const ulong Step = 0x9E3779B97F4A7C15;

    /// <summary>The number at a place of a seed's sequence.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="place">The place, from 0.</param>
    /// <returns>64 random bits.</returns>
    public static ulong Bits(ulong seed, long place) => Mix(unchecked(seed + (((ulong)place + 1) * Step)));

    /// <summary>Scatters the bits of a number.</summary>
    public static ulong Mix(ulong bits)
    {
        bits = unchecked((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9);
        bits = unchecked((bits ^ (bits >> 27)) * 0x94D049BB133111EB);
        return bits ^ (bits >> 31);
    }

    /// <summary>A number that is equally likely to lie anywhere from 0 to below 1.</summary>
    /// <param name="seed">Any number; neighbours give unrelated sequences.</param>
    /// <param name="place">The place, from 0.</param>
    /// <returns>A multiple of 2^-53.</returns>
    public static double Uniform(long seed, long place) => (Bits(Bits(unchecked((ulong)seed), 0), place) >> 11) * Math.ScaleB(1, -53);
}
