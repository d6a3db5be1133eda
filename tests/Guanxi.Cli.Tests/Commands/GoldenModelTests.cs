using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Transformers.Checkpoints;
using Xunit;

namespace Guanxi.Cli.Tests.Commands;

/// <summary>Every family of models from the command line, against the reference library.</summary>
public sealed class GoldenModelTests
{
    // Of a log-probability: twice what the golden cases allow a logit.
    private const double Tolerance = 2e-4;

    public static TheoryData<string> Families => new(
        Directory.EnumerateDirectories(Golden.TrySharedPath("golden/models") ?? Golden.Locate("models"))
            .Where(folder => File.Exists(Path.Combine(folder, "case.json")) && File.ReadAllText(Path.Combine(folder, "case.json")).Contains("\"greedy\"", StringComparison.Ordinal))
            .Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Families))]
    public void Score_generate_predict_and_info_give_the_reference_results(string family)
    {
        using var folder = new TemporaryFolder();
        var golden = Golden.Json($"models/{family}/case.json");
        var model = Model(family, golden, folder);

        Score(family, model, folder);
        Generate(golden, model);
        Predict(model, folder);
        var info = InProcess.Run("info", model, "--json", "-").Expect(ExitCode.Done).LastRow;
        Assert.Equal(3, info.GetProperty("layers").GetInt32());
        Assert.Equal(1000, info.GetProperty("vocabulary").GetInt32());
        Assert.StartsWith(golden.GetProperty("family").GetString()!, info.GetProperty("family").GetString()! + info.GetProperty("architecture").GetString(), StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The folder itself; Baichuan2's normalised head cannot be seen in so small a configuration, so a copy says it.</summary>
    private static string Model(string family, JsonElement golden, TemporaryFolder folder)
    {
        var model = Golden.Locate($"models/{family}/hf");
        if (!golden.TryGetProperty("norm_head", out var head) || !head.GetBoolean())
        {
            return model;
        }

        var copy = folder.Copy(model, "model");
        var config = File.ReadAllText(Path.Combine(copy, "config.json"));
        File.WriteAllText(Path.Combine(copy, "config.json"), config.Insert(config.IndexOf('{', StringComparison.Ordinal) + 1, "\"norm_head\": true, "));
        return copy;
    }

    /// <summary>Every row after its first token, against the logits of the forward pass.</summary>
    private static void Score(string family, string model, TemporaryFolder folder)
    {
        using var expected = SafetensorsFile.Open(Golden.Locate($"models/{family}/expected.safetensors"));
        var (width, vocabulary) = ((int)expected.Entries["input_ids"].Shape[1], (int)expected.Entries["logits"].Shape[2]);
        var (ids, mask, logits) = (expected.Read<long>("input_ids"), expected.Read<long>("attention_mask"), expected.Read<float>("logits"));
        var rows = Enumerable.Range(0, ids.Length / width).Select(row => (Start: row * width, Length: (int)mask[(row * width)..((row + 1) * width)].Sum())).ToArray();
        var file = folder.Add("rows.jsonl", rows.Select(row => JsonSerializer.Serialize(new
        {
            context_ids = ids[row.Start..(row.Start + 1)],
            continuation_ids = ids[(row.Start + 1)..(row.Start + row.Length)],
        })));

        var scores = InProcess.Run("score", "--model", model, "--data", file, "--dtype", "fp32").Expect(ExitCode.Done).Rows;

        Assert.Equal(rows.Length, scores.Length);
        foreach (var (row, score) in rows.Zip(scores))
        {
            var reference = Enumerable.Range(row.Start, row.Length - 1)
                .Select(at => (float)LogProbability(logits.AsSpan(at * vocabulary, vocabulary), (int)ids[at + 1])).ToArray();
            Close.Assert(reference, score.GetProperty("token_logprobs").Deserialize<float[]>()!, Tolerance, family);
        }
    }

    private static double LogProbability(ReadOnlySpan<float> logits, int id)
    {
        double largest = float.NegativeInfinity, sum = 0;
        foreach (var logit in logits)
        {
            largest = Math.Max(largest, logit);
        }

        foreach (var logit in logits)
        {
            sum += Math.Exp(logit - largest);
        }

        return logits[id] - largest - Math.Log(sum);
    }

    /// <summary>From text, so that the tokenizer is checked too; the reference goes on after an end token, the program does not.</summary>
    private static void Generate(JsonElement golden, string model)
    {
        var longest = golden.GetProperty("greedy").EnumerateArray().MaxBy(item => item.GetProperty("text").GetString()!.Length);
        var expected = longest.GetProperty("ids").Deserialize<int[]>()!;

        var result = InProcess.Run(
            "generate", "--model", model, "--prompt_ids", string.Join(' ', longest.GetProperty("prompt").Deserialize<int[]>()!),
            "--max_new_tokens", $"{expected.Length}", "--temperature", "0", "--dtype", "fp32", "--json", "-").Expect(ExitCode.Done).LastRow;

        var ids = result.GetProperty("ids").Deserialize<int[]>()!;
        Assert.NotEmpty(ids);
        Assert.Equal(expected[..ids.Length], ids);
        Assert.Equal(JsonValueKind.String, result.GetProperty("text").ValueKind);
    }

    /// <summary>Labels that no training taught: their probabilities are shares of what score says of them.</summary>
    private static void Predict(string model, TemporaryFolder folder)
    {
        string[] labels = ["父母", "师生"];
        var names = folder.Add("labels.txt", labels);

        var row = InProcess.Run(
            "predict", "--model", model, "--labels_file", names, "--prompt_template", "{text}{people1}和{people2}：", "--dtype", "fp32",
            "--text", "曹操带着曹植登上铜雀台", "--people1", "曹操", "--people2", "曹植").Expect(ExitCode.Done).LastRow;

        Assert.Contains(row.GetProperty("label").GetString()!, labels);
        Assert.Equal(1, labels.Sum(label => row.GetProperty("probabilities").GetProperty(label).GetDouble()), 1e-6);
    }
}
