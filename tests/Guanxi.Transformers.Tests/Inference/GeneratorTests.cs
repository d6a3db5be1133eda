using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Xunit;

namespace Guanxi.Transformers.Tests.Inference;

/// <summary>Continuations against the reference's; the invariants of drawing, stopping and caching.</summary>
public sealed class GeneratorTests
{
    [Theory]
    [GoldenInlineData("golden/models/llama", "llama")]
    [GoldenInlineData("golden/models/llama3-rope", "llama3-rope")]
    [GoldenInlineData("golden/models/llama-linear-rope", "llama-linear-rope")]
    [GoldenInlineData("golden/models/mistral", "mistral")]
    [GoldenInlineData("golden/models/qwen2", "qwen2")]
    [GoldenInlineData("golden/models/qwen3", "qwen3")]
    [GoldenInlineData("golden/models/baichuan-7b", "baichuan-7b")]
    [GoldenInlineData("golden/models/baichuan-13b", "baichuan-13b")]
    [GoldenInlineData("golden/models/baichuan-13b-odd-heads", "baichuan-13b-odd-heads")]
    [GoldenInlineData("golden/models/baichuan2-7b", "baichuan2-7b")]
    [GoldenInlineData("golden/models/baichuan2-13b", "baichuan2-13b")]
    public void Greedy_ids_equal_the_reference_with_and_without_cache(string family)
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Load($"models/{family}/hf");
        foreach (var row in Golden.Json($"models/{family}/case.json").GetProperty("greedy").EnumerateArray())
        {
            var expected = row.GetProperty("ids").Deserialize<int[]>()!;
            foreach (var useCache in (bool[])[true, false])
            {
                var result = Generate(model, row.GetProperty("prompt").Deserialize<int[]>()!,
                    new() { MaxNewTokens = expected.Length, UseCache = useCache });

                Assert.Equal(expected, result.Ids);
                Assert.Equal(GenerationEnd.MaxNewTokens, result.End);
            }
        }
    }

    [GoldenTheory("golden/sampling/greedy")]
    [InlineData("repetition_1.0", 1.0, true)]
    [InlineData("repetition_1.2", 1.2, true)]
    [InlineData("repetition_1.2", 1.2, false)]
    public void A_repetition_penalty_gives_the_reference_ids(string name, double penalty, bool useCache)
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Load(TinyModel.Sampling);
        foreach (var row in Golden.Json("sampling/greedy/case.json").GetProperty("rows").EnumerateArray())
        {
            var expected = row.GetProperty(name).GetProperty("new_ids").Deserialize<int[]>()!;
            var options = new GenerationOptions { MaxNewTokens = expected.Length, RepetitionPenalty = penalty, UseCache = useCache };

            Assert.Equal(expected, Generate(model, row.GetProperty("prompt").Deserialize<int[]>()!, options).Ids);
        }
    }

    [GoldenFact("golden/sampling/greedy")]
    public void A_seed_repeats_its_draws_with_and_without_cache_and_another_seed_does_not()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Load(TinyModel.Sampling);
        var options = new GenerationOptions { MaxNewTokens = 20, Temperature = 1, Seed = 7 };

        var first = Generate(model, [1, 50, 60], options);

        Assert.Equal(first.Ids, Generate(model, [1, 50, 60], options).Ids);
        Assert.Equal(first.Ids, Generate(model, [1, 50, 60], options with { UseCache = false }).Ids);
        Assert.NotEqual(first.Ids, Generate(model, [1, 50, 60], options with { Seed = 8 }).Ids);
    }

    [GoldenFact("golden/sampling/greedy")]
    public void A_stop_token_ends_the_continuation_and_every_token_is_shown_when_it_comes()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Load(TinyModel.Sampling);
        var all = Generate(model, [1, 50, 60], new() { MaxNewTokens = 10 }).Ids;
        var shown = new List<int>();

        var stopped = new Generator(model, ForwardContext.Evaluate32).Generate(
            [1, 50, 60], new() { MaxNewTokens = 10, StopIds = [all[3]] }, shown.Add, CancellationToken.None);

        Assert.Equal(all.Take(all.Index().First(pair => pair.Item == all[3]).Index + 1), stopped.Ids);
        Assert.Equal(GenerationEnd.StopToken, stopped.End);
        Assert.Equal(stopped.Ids, shown);
    }

    [GoldenFact("golden/sampling/greedy")]
    public void The_last_position_of_the_model_is_used_and_no_further_one()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Load(TinyModel.Sampling);
        int[] prompt = [.. Enumerable.Repeat(30, model.Config.MaxPositions - 1)];

        var result = Generate(model, prompt, new() { MaxNewTokens = 10 });

        Assert.Equal(2, result.Ids.Count);
        Assert.Equal(GenerationEnd.MaxPositions, result.End);
    }

    [GoldenFact("golden/sampling/greedy")]
    public void Wrong_options_and_prompts_are_listed_together_and_a_stop_is_obeyed()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Load(TinyModel.Sampling);
        var options = new GenerationOptions { Temperature = -1, TopP = 0, TopK = -1, MinP = 2, RepetitionPenalty = 0, MaxNewTokens = -1 };

        var refused = Assert.Throws<OptionsException>(() => Generate(model, [1, 512], options));

        Assert.Equal(
            ["max_new_tokens", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "prompt"],
            refused.Problems.Select(problem => problem.Where));
        Assert.Throws<OperationCanceledException>(
            () => new Generator(model, ForwardContext.Evaluate32).Generate([1], new(), null, new CancellationToken(canceled: true)));
    }

    private static GenerationResult Generate(Decoder model, IReadOnlyList<int> prompt, GenerationOptions options) =>
        new Generator(model, ForwardContext.Evaluate32).Generate(prompt, options, null, CancellationToken.None);
}
