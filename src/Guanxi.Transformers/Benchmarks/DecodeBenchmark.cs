using System.Text.Json.Nodes;
using Guanxi.Torch;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Benchmarks;

/// <summary>What <see cref="DecodeBenchmark"/> measures.</summary>
public sealed record DecodeBenchmarkOptions
{
    /// <summary>The model's size.</summary>
    public required DecoderShape Shape { get; init; }

    /// <summary>Form of the linear layers' weights; null for NF4 with double quantisation (the head is then bf16).</summary>
    /// <value>Null.</value>
    public DType? StorageType { get; init; }

    /// <summary>Type of activations and products.</summary>
    /// <value>Float32.</value>
    public DType ComputeType { get; init; } = DType.Float32;

    /// <summary>Tokens to generate, of which the first quarter is not counted.</summary>
    /// <value>48.</value>
    public int Tokens { get; init; } = 48;
}

/// <summary>Speed of greedy generation on random weights, one token at a time after a prompt of 66.</summary>
public sealed class DecodeBenchmark : IDisposable
{
    private const int PromptLength = 66;
    private const int Seed = 7;

    private readonly DecodeBenchmarkOptions _options;
    private readonly TimeProvider _time;
    private readonly Decoder _model;

    /// <summary>Makes the model.</summary>
    /// <param name="options">What to measure.</param>
    /// <param name="time">The clock.</param>
    public DecodeBenchmark(DecodeBenchmarkOptions options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        (_options, _time) = (options, time);
        var deviation = options.Shape.Config.InitializerRange;
        WeightSource weights = options.StorageType is { } stored
            ? new RandomWeights(Seed, deviation, stored)
            : new RandomNf4Weights(Seed, deviation);
        _model = new Decoder(options.Shape.Config, weights);
    }

    /// <summary>Generates.</summary>
    /// <returns>The figures.</returns>
    public DecodeBenchmarkResult Run()
    {
        var random = new Random(Seed);
        var prompt = Enumerable.Range(0, PromptLength).Select(_ => random.Next(_model.Config.VocabularySize)).ToArray();
        var times = new List<long>();
        new Generator(_model, new ForwardContext(_options.ComputeType, null)).Generate(
            prompt, new GenerationOptions { MaxNewTokens = _options.Tokens }, _ => times.Add(_time.GetTimestamp()), CancellationToken.None);
        var seconds = times.Zip(times.Skip(1), (before, after) => _time.GetElapsedTime(before, after).TotalSeconds).Skip(times.Count / 4).ToArray();
        return new DecodeBenchmarkResult(_options, SamplingPlan.Median(seconds, token => token), WeightBytes());
    }

    /// <summary>Releases the model.</summary>
    public void Dispose() => _model.Dispose();

    /// <summary>Bytes of the matrices that one token is multiplied by.</summary>
    private double WeightBytes()
    {
        var config = _model.Config;
        var head = (double)config.VocabularySize * config.HiddenSize;
        var blocks = OperationCount.OfLayers(config, config.LayerCount, rank: 0, tokens: 1).Forward / 2;
        return _options.StorageType is { } stored
            ? (blocks + head) * stored.SizeInBytes()
            : (blocks * FourBitWeight.BytesOfWeight) + (head * DType.BFloat16.SizeInBytes());
    }
}

/// <summary>What a decoding benchmark found.</summary>
/// <param name="Options">What was measured.</param>
/// <param name="Seconds">Seconds of the median token.</param>
/// <param name="WeightBytes">Bytes of weights that a token needs.</param>
public sealed record DecodeBenchmarkResult(DecodeBenchmarkOptions Options, double Seconds, double WeightBytes)
{
    /// <summary>Tokens a second.</summary>
    public double TokensPerSecond => 1 / Seconds;

    /// <summary>Bytes of weights a second.</summary>
    public double WeightBytesPerSecond => WeightBytes / Seconds;

    /// <summary>The machine form.</summary>
    /// <returns>An object with snake_case keys.</returns>
    public JsonObject ToJson() => new()
    {
        ["case"] = "decode",
        ["shape"] = Options.Shape.Name,
        ["weights"] = DTypeNames.ShortOfWeights(Options.StorageType),
        ["seconds"] = Seconds,
        ["tokens_per_second"] = TokensPerSecond,
        ["weight_bytes_per_second"] = WeightBytesPerSecond,
        ["compute_dtype"] = DTypeNames.ShortOf(Options.ComputeType),
    };
}
