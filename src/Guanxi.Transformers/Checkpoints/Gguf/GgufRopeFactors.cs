using System.Text.Json.Nodes;
using Guanxi.Transformers.Models;

namespace Guanxi.Transformers.Checkpoints.Gguf;

/// <summary>
/// The scaling of rotary positions of LLaMA 3.1 and later: a GGUF file has a divisor for every frequency, where Hugging Face's
/// configuration has the numbers that they are computed of.
/// </summary>
/// <remarks>
/// Source: transformers/modeling_rope_utils.py, <c>_compute_llama3_parameters</c>. Every published model has the same numbers but the
/// factor.
/// </remarks>
internal static class GgufRopeFactors
{
    /// <summary>Name of the divisors in the file.</summary>
    public const string TensorName = "rope_freqs.weight";

    private const double LowFactor = 1;
    private const double HighFactor = 4;
    private const int OriginalPositions = 8192;

    // Divisors are stored in single precision.
    private const double Tolerance = 1e-4;

    /// <summary>The divisors of a model's frequencies.</summary>
    /// <param name="config">The model.</param>
    /// <returns>One for every frequency; null where it is not scaled so, or the numbers could not be found in them again.</returns>
    public static float[]? Of(DecoderConfig config)
    {
        if (config is not { ModelType: "llama", RopeScaling: { } scaling }
            || scaling != new RopeScaling(RopeScaling.Llama3, scaling.Factor, LowFactor, HighFactor, OriginalPositions))
        {
            return null;
        }

        var divisors = new float[config.HeadDim / 2];
        for (var i = 0; i < divisors.Length; i++)
        {
            divisors[i] = (float)Divisor(Math.Pow(config.RopeTheta, (double)i / divisors.Length), scaling.Factor);
        }

        return divisors[^1] == (float)scaling.Factor ? divisors : null;
    }

    /// <summary>Finds the numbers and checks that they give the divisors.</summary>
    /// <param name="divisors">The tensor.</param>
    /// <param name="theta">Base of the frequencies.</param>
    /// <returns>The value of <c>rope_scaling</c>; null when the divisors are others.</returns>
    public static JsonObject? Scaling(float[] divisors, double theta)
    {
        double factor = divisors.Max();
        for (var i = 0; i < divisors.Length; i++)
        {
            if (!(Math.Abs(Divisor(Math.Pow(theta, (double)i / divisors.Length), factor) - divisors[i]) <= Tolerance * factor))
            {
                return null;
            }
        }

        return new JsonObject
        {
            ["rope_type"] = RopeScaling.Llama3,
            ["factor"] = factor,
            ["low_freq_factor"] = LowFactor,
            ["high_freq_factor"] = HighFactor,
            ["original_max_position_embeddings"] = OriginalPositions,
        };
    }

    private static double Divisor(double period, double factor)
    {
        // Turns that the pair makes within the positions of the first training.
        var turns = OriginalPositions / (2 * Math.PI * period);
        if (turns > HighFactor)
        {
            return 1;
        }

        var smooth = (turns - LowFactor) / (HighFactor - LowFactor);
        return turns < LowFactor ? factor : 1 / (((1 - smooth) / factor) + smooth);
    }
}
