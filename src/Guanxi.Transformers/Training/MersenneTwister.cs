namespace Guanxi.Transformers.Training;

/// <summary>The generator behind PyTorch's random numbers on the CPU.</summary>
/// <remarks>Source: Matsumoto and Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998), 3-30; seeding as init_genrand of 2002.</remarks>
public sealed class MersenneTwister
{
    private const int Size = 624;
    private const int Shift = 397;

    private readonly uint[] _state = new uint[Size];
    private int _next = Size;

    /// <summary>Seeds the generator.</summary>
    /// <param name="seed">Only its low 32 bits count, as in PyTorch.</param>
    public MersenneTwister(long seed)
    {
        _state[0] = unchecked((uint)seed);
        for (var i = 1; i < Size; i++)
        {
            var last = _state[i - 1];
            _state[i] = unchecked((1812433253u * (last ^ (last >> 30))) + (uint)i);
        }
    }

    /// <summary>Draws a number.</summary>
    /// <returns>32 random bits.</returns>
    public uint NextUInt32()
    {
        if (_next == Size)
        {
            Refill();
        }

        var y = _state[_next++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C5680u;
        y ^= (y << 15) & 0xEFC60000u;
        return y ^ (y >> 18);
    }

    private void Refill()
    {
        for (var i = 0; i < Size; i++)
        {
            var y = (_state[i] & 0x80000000u) | (_state[(i + 1) % Size] & 0x7FFFFFFFu);
            _state[i] = _state[(i + Shift) % Size] ^ (y >> 1) ^ ((y & 1) == 0 ? 0 : 0x9908B0DFu);
        }

        _next = 0;
    }
}
