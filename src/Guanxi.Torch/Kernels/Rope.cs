using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Rotary position embedding in place: the two halves of each head are rotated against each other ("rotate half").</summary>
/// <remarks>Su et al. 2021, in the pairing of GPT-NeoX and LLaMA: dimension i goes with dimension i + headDim / 2.</remarks>
internal static unsafe class Rope
{
    private const long GrainElements = 16 * 1024;

    /// <summary>Rotates, or rotates back, which is the gradient of rotating.</summary>
    /// <param name="dtype">Element type of x.</param>
    /// <param name="x">[tokens, heads, headDim], contiguous.</param>
    /// <param name="cosines">[positions, headDim / 2].</param>
    /// <param name="sines">[positions, headDim / 2].</param>
    /// <param name="positions">Position of each token, below the number of positions of the tables.</param>
    /// <param name="tokens">Tokens.</param>
    /// <param name="heads">Heads a token.</param>
    /// <param name="headDim">Elements a head; even.</param>
    /// <param name="inverse">Whether to rotate back.</param>
    public static void Run(
        DType dtype,
        void* x,
        float* cosines,
        float* sines,
        int* positions,
        long tokens,
        int heads,
        int headDim,
        bool inverse)
    {
        if (headDim % 2 != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(headDim), headDim, "a head has an even number of elements");
        }

        var kernel = new Kernel(x, cosines, sines, positions, heads, headDim / 2, inverse ? -1f : 1f);
        KernelRunner.For(dtype, tokens, KernelRunner.Grain(GrainElements, (long)heads * headDim), kernel);
    }

    private readonly struct Kernel(
        void* x, float* cosines, float* sines, int* positions, int heads, int half, float direction) : IKernel
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var token = first; token < last; token++)
            {
                var cosine = cosines + ((long)positions[token] * half);
                var sine = sines + ((long)positions[token] * half);
                for (var head = 0; head < heads; head++)
                {
                    Rotate<TLane, T>((T*)x + (((token * heads) + head) * 2 * half), cosine, sine);
                }
            }
        }

        // Products and sum are rounded one by one, as the reference's separate operations are.
        [MethodImpl(KernelRunner.Hot)]
        private void Rotate<TLane, T>(T* lower, float* cosine, float* sine)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var upper = lower + half;
            var sign = TLane.Create(direction);
            var i = 0;
            for (; i <= half - Lane.Width; i += Lane.Width)
            {
                var (a, b) = (Lane.Load<TLane, T>(lower + i), Lane.Load<TLane, T>(upper + i));
                var (c, s) = (TLane.Load(cosine + i), TLane.Load(sine + i) * sign);
                Lane.Store((a * c) - (b * s), lower + i);
                Lane.Store((b * c) + (a * s), upper + i);
            }

            if (i < half)
            {
                var rest = half - i;
                var (a, b) = (Lane.LoadPart<TLane, T>(lower + i, rest), Lane.LoadPart<TLane, T>(upper + i, rest));
                var (c, s) = (Lane.LoadPart<TLane, float>(cosine + i, rest), Lane.LoadPart<TLane, float>(sine + i, rest) * sign);
                Lane.StorePart((a * c) - (b * s), lower + i, rest);
                Lane.StorePart((b * c) + (a * s), upper + i, rest);
            }
        }
    }
}
