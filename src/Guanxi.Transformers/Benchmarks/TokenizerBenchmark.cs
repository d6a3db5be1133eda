using System.Text;
using System.Text.Json.Nodes;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Transformers.Benchmarks;

/// <summary>Speed of a tokenizer on one thread: the lines of a text are encoded one by one, as rows of data are.</summary>
public sealed class TokenizerBenchmark
{
    private const int MostTextBytes = 256 << 20;

    // The share of the time that is spent on passes which are not counted: until the runtime has compiled everything for good.
    private const double WarmUpShare = 0.4;
    private const int LeastPasses = 3;

    private readonly ITokenizer _tokenizer;
    private readonly string[] _lines;
    private readonly long _bytes;
    private readonly TimeProvider _time;

    /// <summary>Prepares a benchmark.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="text">The text; line ends are not encoded and not counted.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="OptionsException">The text is empty.</exception>
    public TokenizerBenchmark(ITokenizer tokenizer, string text, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(time);
        (_tokenizer, _time) = (tokenizer, time);
        _lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        _bytes = _lines.Sum(line => (long)Encoding.UTF8.GetByteCount(line));
        if (_bytes == 0)
        {
            throw new OptionsException(new Problem("text", "there is no text to encode", "at least one line that is not empty"));
        }
    }

    /// <summary>Loads a tokenizer and a text.</summary>
    /// <param name="folder">A folder with a tokenizer.</param>
    /// <param name="textFile">A file of UTF-8 text.</param>
    /// <param name="time">The clock.</param>
    /// <returns>The benchmark.</returns>
    /// <exception cref="CheckpointException">The tokenizer or the text cannot be read.</exception>
    /// <exception cref="OptionsException">The text is empty.</exception>
    public static TokenizerBenchmark Load(string folder, string textFile, TimeProvider time) =>
        new(TokenizerLoader.Load(folder), Encoding.UTF8.GetString(JsonFile.ReadBytes(textFile, MostTextBytes)), time);

    /// <summary>Encodes the text over and over.</summary>
    /// <param name="budget">Time to spend; a few passes are done in any case.</param>
    /// <returns>The figures of the median pass.</returns>
    public TokenizerBenchmarkResult Run(TimeSpan budget)
    {
        var start = _time.GetTimestamp();
        var tokens = Pass();
        while (_time.GetElapsedTime(start) < budget * WarmUpShare)
        {
            Pass();
        }

        var seconds = new List<double>();
        while (seconds.Count < LeastPasses || _time.GetElapsedTime(start) < budget)
        {
            var before = _time.GetTimestamp();
            Pass();
            seconds.Add(_time.GetElapsedTime(before).TotalSeconds);
        }

        return new TokenizerBenchmarkResult
        {
            Tokenizer = _tokenizer.GetType().Name,
            Bytes = _bytes,
            Tokens = tokens,
            Seconds = SamplingPlan.Median(seconds, pass => pass),
            BestSeconds = seconds.Min(),
            Samples = seconds.Count,
        };
    }

    private long Pass()
    {
        var tokens = 0L;
        foreach (var line in _lines)
        {
            tokens += _tokenizer.Encode(line).Length;
        }

        return tokens;
    }
}

/// <summary>What a tokenizer benchmark found.</summary>
public sealed record TokenizerBenchmarkResult
{
    private const double BytesPerMegabyte = 1e6;

    /// <summary>Kind of tokenizer.</summary>
    public required string Tokenizer { get; init; }

    /// <summary>Size of the text in UTF-8.</summary>
    public required long Bytes { get; init; }

    /// <summary>Tokens it gives.</summary>
    public required long Tokens { get; init; }

    /// <summary>Seconds of the median pass over the text.</summary>
    public required double Seconds { get; init; }

    /// <summary>Seconds of the fastest pass: what a quiet machine does.</summary>
    public required double BestSeconds { get; init; }

    /// <summary>Passes that were timed.</summary>
    public required int Samples { get; init; }

    /// <summary>Speed of the median pass, in millions of bytes a second.</summary>
    public double MegabytesPerSecond => Bytes / BytesPerMegabyte / Seconds;

    /// <summary>The machine form.</summary>
    /// <returns>An object with snake_case keys.</returns>
    public JsonObject ToJson() => new()
    {
        ["case"] = "tokenizer",
        ["tokenizer"] = Tokenizer,
        ["bytes"] = Bytes,
        ["tokens"] = Tokens,
        ["seconds"] = Seconds,
        ["megabytes_per_second"] = MegabytesPerSecond,
        ["megabytes_per_second_best"] = Bytes / BytesPerMegabyte / BestSeconds,
        ["tokens_per_second"] = Tokens / Seconds,
        ["samples"] = Samples,
    };
}
