namespace Guanxi.Relations;

/// <summary>A small generator whose numbers are the same on every machine and in every version.</summary>
/// <remarks>SplitMix64, Steele, Lea and Flood 2014 (https://doi.org/10.1145/2714064.2660195).</remarks>
internal sealed class SeededRandom(long seed)
{
    private ulong _state = (ulong)seed;

    /// <summary>A number from 0 to below a bound; the bias of multiplying instead of rejecting is below bound / 2^64.</summary>
    public int Next(int bound) => (int)Math.BigMul(NextBits(), (ulong)bound, out _);

    private ulong NextBits()
    {
        _state += 0x9E3779B97F4A7C15;
        var mixed = _state;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }
}
