using System.Text.Json.Nodes;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Models;

/// <summary>Slower rotary frequencies for sequences longer than those of the first training: <c>rope_scaling</c>.</summary>
/// <param name="Type">
/// <c>linear</c>: all are divided by the factor. <c>llama3</c>: long waves are divided, short ones kept, those between blended
/// (LLaMA 3.1). <c>dynamic</c>: none is changed within the model's positions; for a longer row theta grows with its length.
/// </param>
/// <param name="Factor">By how much frequencies are divided; at least 1.</param>
/// <param name="LowFrequencyFactor">Waves longer than the first training's length divided by this are divided; llama3 only.</param>
/// <param name="HighFrequencyFactor">Waves shorter than the first training's length divided by this are kept; llama3 only.</param>
/// <param name="OriginalPositions">Length of sequences in the first training; llama3 only.</param>
public sealed record RopeScaling(
    string Type, double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalPositions)
{
    internal const string Linear = "linear";
    internal const string Llama3 = "llama3";
    private const string Dynamic = "dynamic";
    private const string None = "default";
    private const double LeastFactor = 1e-6;
    private const double MostFactor = 1e6;

    /// <summary>Whether the frequencies depend on the length of what is read.</summary>
    public bool IsDynamic => Type == Dynamic;

    /// <summary>The frequencies of a model.</summary>
    /// <param name="config">Its shape.</param>
    /// <param name="positions">Positions of the longest row that is read.</param>
    /// <returns>Radians a position, D / 2 of them.</returns>
    /// <remarks>
    /// Computed in single precision, as the reference does. Dynamic scaling (NTK) is transformers' own: what a cache holds of a shorter
    /// beginning keeps the frequencies of that length.
    /// </remarks>
    internal static float[] Frequencies(DecoderConfig config, int positions)
    {
        var theta = (float)(config.RopeScaling is { IsDynamic: true } scaling && positions > config.MaxPositions
            ? config.RopeTheta * scaling.Growth((double)positions / config.MaxPositions, config.HeadDim)
            : config.RopeTheta);
        var frequencies = new float[config.HeadDim / 2];
        for (var i = 0; i < frequencies.Length; i++)
        {
            var plain = 1f / MathF.Pow(theta, 2f * i / config.HeadDim);
            frequencies[i] = config.RopeScaling?.Of(plain) ?? plain;
        }

        return frequencies;
    }

    internal JsonObject ToJson()
    {
        var json = new JsonObject { ["factor"] = PythonJson.Float(Factor) };
        if (Type == Llama3)
        {
            json["high_freq_factor"] = PythonJson.Float(HighFrequencyFactor);
            json["low_freq_factor"] = PythonJson.Float(LowFrequencyFactor);
            json["original_max_position_embeddings"] = OriginalPositions;
        }

        json["rope_type"] = Type;
        json["type"] = Type;
        return json;
    }

    /// <summary>Reads what stands under <c>rope_scaling</c>, or under <c>rope_parameters</c> as transformers 5 calls it.</summary>
    /// <param name="keys">The keys there; null where there are none.</param>
    /// <returns>The scaling, or null for none.</returns>
    internal static RopeScaling? Parse(JsonKeys? keys)
    {
        if (keys is null)
        {
            return null;
        }

        // Files of 2023 say "type"; where both stand, transformers takes "rope_type".
        var key = keys.Has("rope_type") || !keys.Has("type") ? "rope_type" : "type";
        var type = keys.Text(key) ?? None;
        if (type is not (None or Linear or Dynamic or Llama3))
        {
            const string Supported = $"{None}, {Linear}, {Dynamic} or {Llama3}";
            keys.Report(key, "this scaling of rotary positions is not supported", Supported, FileErrors.Quote(type));
        }

        return type switch
        {
            Linear or Dynamic => new RopeScaling(type, keys.RequiredNumber("factor", 1, MostFactor), 0, 0, 0),
            Llama3 => ParseLlama3(keys),
            _ => null,
        };
    }

    private static RopeScaling ParseLlama3(JsonKeys keys)
    {
        var low = keys.RequiredNumber("low_freq_factor", LeastFactor, MostFactor);
        var high = keys.RequiredNumber("high_freq_factor", LeastFactor, MostFactor);
        if (keys.Has("low_freq_factor") && keys.Has("high_freq_factor") && low >= high)
        {
            keys.Report("high_freq_factor", "not above low_freq_factor", $"more than {low}", $"{high}");
        }

        return new RopeScaling(
            Llama3, keys.RequiredNumber("factor", 1, MostFactor), low, high, keys.Size("original_max_position_embeddings", int.MaxValue));
    }

    private double Growth(double length, int headDim) => Math.Pow((Factor * length) - (Factor - 1), headDim / (headDim - 2.0));

    private float Of(float frequency)
    {
        if (IsDynamic)
        {
            return frequency;
        }

        var divided = frequency / (float)Factor;
        if (Type == Linear)
        {
            return divided;
        }

        var wave = 2 * MathF.PI / frequency;
        if (wave > OriginalPositions / LowFrequencyFactor)
        {
            return divided;
        }

        if (wave < OriginalPositions / HighFrequencyFactor)
        {
            return frequency;
        }

        var kept = (OriginalPositions / wave - (float)LowFrequencyFactor) / (float)(HighFrequencyFactor - LowFrequencyFactor);
        return ((1 - kept) * divided) + (kept * frequency);
    }
}
