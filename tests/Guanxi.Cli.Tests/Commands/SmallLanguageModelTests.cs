using System.Text.Json;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Commands;

/// <summary>A real small language model from its GGUF file, against what the reference library says.</summary>
[Collection(Programs.Name)]
public sealed class SmallLanguageModelTests
{
    // The golden case names it.
    private const double LossTolerance = 1e-3;

    // From a step on whose two best logits are so near, either token may be chosen.
    private const double LeastMargin = 0.01;

    private static string Model => Golden.Locate("smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");

    [GoldenFact("golden/smollm2")]
    public void The_paragraphs_have_the_reference_losses()
    {
        using var folder = new TemporaryFolder();
        var paragraphs = Golden.Json("smollm2/expected.json").GetProperty("paragraphs").EnumerateArray().ToArray();
        var rows = folder.Add("rows.jsonl", paragraphs.Select(paragraph =>
        {
            var ids = paragraph.GetProperty("ids").Deserialize<int[]>()!;
            return JsonSerializer.Serialize(new { context_ids = ids[..1], continuation_ids = ids[1..] });
        }));

        var scores = ChildProgram.Run("score", "--model", Model, "--data", rows, "--dtype", "fp32").Expect(ExitCode.Done).Rows;

        foreach (var (paragraph, score) in paragraphs.Zip(scores))
        {
            var losses = score.GetProperty("token_logprobs").Deserialize<float[]>()!.Select(value => -value).ToArray();
            Close.Assert(paragraph.GetProperty("nll").Deserialize<float[]>()!, losses, LossTolerance, "nll");
        }
    }

    [GoldenFact("golden/smollm2")]
    public void Prompts_are_continued_as_the_reference_does()
    {
        var prompts = Golden.Json("smollm2/expected.json").GetProperty("prompts").EnumerateArray().ToArray();
        foreach (var prompt in prompts.Take(LongTests.Count(2, prompts.Length)))
        {
            var (expected, margins) = (prompt.GetProperty("greedy").Deserialize<int[]>()!, prompt.GetProperty("margins").Deserialize<double[]>()!);
            var isChat = prompt.TryGetProperty("chat", out _);
            string[] text = isChat
                ? ["--prompt_ids", string.Join(' ', prompt.GetProperty("ids").Deserialize<int[]>()!)]
                : ["--prompt", prompt.GetProperty("text").GetString()!];

            var result = ChildProgram.Run(
                ["generate", "--model", Model, .. text, "--max_new_tokens", $"{expected.Length}", "--dtype", "fp32", "--json", "-"]).Expect(ExitCode.Done).LastRow;

            var sure = margins.TakeWhile(margin => margin >= LeastMargin).Count();
            var ids = result.GetProperty("ids").Deserialize<int[]>()!;
            Assert.Equal(expected[..sure], ids[..sure]);
            if (sure == expected.Length && !isChat)
            {
                // Stop tokens are control tokens: they end the text and are no part of it.
                Assert.StartsWith(result.GetProperty("text").GetString()!, prompt.GetProperty("greedy_text").GetString()!, StringComparison.Ordinal);
            }
        }
    }
}
