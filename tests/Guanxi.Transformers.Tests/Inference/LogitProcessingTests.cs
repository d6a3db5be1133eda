using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Inference;
using Xunit;

namespace Guanxi.Transformers.Tests.Inference;

/// <summary>Processed logits against Hugging Face's processors, and the draw against its probabilities.</summary>
public sealed class LogitProcessingTests
{
    // The golden case's own: one division a value.
    private const double RelativeTolerance = 1e-6;

    // Where the cumulative share comes nearer to the edge, fp32 and double may decide otherwise.
    private const double LeastMargin = 1e-6;

    [GoldenTheory("golden/sampling/processing")]
    [InlineData("temperature_0.01")]
    [InlineData("temperature_0.7")]
    [InlineData("temperature_1")]
    [InlineData("top_k_5")]
    [InlineData("top_k_50")]
    [InlineData("top_p_0.9")]
    [InlineData("top_p_0.5")]
    [InlineData("min_p_0.1")]
    [InlineData("repetition_1.2")]
    [InlineData("firefly")]
    [InlineData("all")]
    [InlineData("all_min_p")]
    [InlineData("greedy")]
    [InlineData("greedy_repetition_1.2")]
    public void Scores_and_kept_tokens_equal_the_reference(string name)
    {
        using var leaks = new LeakCheck();
        using var golden = new GoldenFile("sampling/processing/tensors.safetensors");
        using var scope = TensorScope.Enter();
        var description = Golden.Json("sampling/processing/case.json");
        var options = Options(description.GetProperty("configs").GetProperty(name));
        var margins = description.GetProperty("top_p_margin_per_row").TryGetProperty(name, out var listed)
            ? listed.Deserialize<double[]>()
            : null;
        var ties = description.GetProperty("rows_with_ties").Deserialize<int[]>()!;
        var rows = (int)golden["logits"].Size(0);
        for (var row = 0; row < rows; row++)
        {
            var expected = golden[$"scores.{name}"].Select(0, row).ToArray<float>();
            var scores = golden["logits"].Select(0, row).ToArray<float>();

            LogitProcessing.Apply(scores, golden["ids"].Select(0, row).ToArray<long>().Select(id => (int)id).Distinct(), options);

            if (margins is not null && ties.Contains(row))
            {
                AssertSame(Kept(expected), Kept(scores), $"{name}, row {row}");
            }
            else if (margins is null || margins[row] > LeastMargin)
            {
                AssertSame(expected, scores, $"{name}, row {row}");
                Assert.Equal(golden[$"argmax.{name}"].ToArray<long>()[row], LogitProcessing.Best(scores));
            }
        }
    }

    [Fact]
    public void Draws_follow_the_probabilities_and_never_take_a_removed_token()
    {
        const int Draws = 20_000;
        float[] scores = [MathF.Log(1), float.NegativeInfinity, MathF.Log(3), MathF.Log(6)];
        var counts = new int[scores.Length];
        for (var i = 0; i < Draws; i++)
        {
            counts[LogitProcessing.Draw(scores, CounterRandom.Uniform(11, i))]++;
        }

        Assert.Equal(0, counts[1]);

        // Four standard deviations of a share of 20,000 draws are below 0.015.
        Close.Assert([0.1f, 0, 0.3f, 0.6f], [.. counts.Select(count => (float)count / Draws)], 0.015, "shares");
    }

    [Fact]
    public void The_ends_of_the_unit_interval_draw_the_first_and_the_last_kept_token()
    {
        float[] scores = [float.NegativeInfinity, 0, 0, float.NegativeInfinity];

        Assert.Equal(1, LogitProcessing.Draw(scores, 0));
        Assert.Equal(2, LogitProcessing.Draw(scores, Math.BitDecrement(1.0)));
    }

    [Fact]
    public void The_random_bits_are_those_of_SplitMix64()
    {
        ulong[] published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821];

        Assert.Equal(published, Enumerable.Range(0, published.Length).Select(place => CounterRandom.Bits(1234567, place)));
    }

    private static GenerationOptions Options(JsonElement config)
    {
        var options = config.GetProperty("options");
        double Number(string key, double otherwise) => options.TryGetProperty(key, out var value) ? value.GetDouble() : otherwise;
        var isGreedy = options.TryGetProperty("do_sample", out _);
        return new GenerationOptions
        {
            Temperature = isGreedy ? 0 : Number("temperature", 1),
            TopK = config.GetProperty("effective_top_k").GetInt32(),
            TopP = Number("top_p", 1),
            MinP = Number("min_p", 0),
            RepetitionPenalty = Number("repetition_penalty", 1),
        };
    }

    private static float[] Kept(float[] scores) => [.. scores.Where(score => !float.IsNegativeInfinity(score)).Order()];

    private static void AssertSame(float[] expected, float[] actual, string what)
    {
        Assert.True(expected.Length == actual.Length, $"{what}: {actual.Length} tokens, expected {expected.Length}");
        for (var i = 0; i < expected.Length; i++)
        {
            var same = expected[i] == actual[i] || Math.Abs(expected[i] - actual[i]) <= RelativeTolerance * Math.Abs(expected[i]);
            Assert.True(same, $"{what}: element {i} is {actual[i]}, expected {expected[i]}");
        }
    }
}
