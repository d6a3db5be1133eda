using Guanxi.TestKit;
using Guanxi.Transformers.Benchmarks;
using Guanxi.Transformers.Tokenization;
using Xunit;

namespace Guanxi.Transformers.Tests.Benchmarks;

public sealed class TokenizerBenchmarkTests
{
    [Fact]
    public void Bytes_tokens_and_the_median_time_make_the_figures()
    {
        var tokenizer = TokenizerLoader.Load(Path.Combine(Golden.RepositoryRoot, "assets", "base-zh"));
        var result = new TokenizerBenchmark(tokenizer, "曹操\n\n曹植\r\n", new SteppingTime()).Run(TimeSpan.FromSeconds(10));

        Assert.Equal(13, result.Bytes);
        Assert.Equal(tokenizer.Encode("曹操").Length + tokenizer.Encode("曹植\r").Length, result.Tokens);
        Assert.Equal(1, result.Seconds);
        Assert.InRange(result.Samples, 3, 10);
        Assert.Equal(13e-6, result.MegabytesPerSecond, 1e-12);
        Assert.Equal("SentencePieceTokenizer", (string?)result.ToJson()["tokenizer"]);
    }

    [Fact]
    public void A_text_without_anything_is_refused()
    {
        var tokenizer = TokenizerLoader.Load(Path.Combine(Golden.RepositoryRoot, "assets", "base-zh"));
        Assert.Throws<OptionsException>(() => new TokenizerBenchmark(tokenizer, "\n\n", TimeProvider.System));
    }

    /// <summary>A clock that goes on one second whenever it is looked at.</summary>
    private sealed class SteppingTime : TimeProvider
    {
        private long _seconds;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => _seconds++;
    }
}
