using System.Globalization;
using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Transformers.Models;
using Xunit;

namespace Guanxi.Cli.Tests.Training;

/// <summary>Memory of training at the sizes that people train: generated checkpoints, the article's settings, real steps.</summary>
[Collection(Programs.Name)]
public sealed class LargeModelTests
{
    private const double Gigabyte = 1e9;

    // Of what info predicts.
    private const double Share = 0.1;

    // Rows of the published data have so many tokens, of which the prompt's beginning is the same in all and the answer is learnt.
    private const int RowTokens = 130;
    private const int Beginning = 66;
    private const int Answer = 3;

    private static readonly TimeSpan s_patience = TimeSpan.FromHours(1);

    public static TheoryData<string, string, double> Cases => new() { { "7b", "qlora", 9 }, { "13b", "qlora", 15 }, { "0.44b", "full", 10 } };

    [LongTheory]
    [Trait(LongTests.Trait, LongTests.Long)]
    [MemberData(nameof(Cases))]
    public void Steps_of_training_stay_within_the_memory_that_info_predicts(string shape, string mode, double mostGigabytes)
    {
        using var folder = new TemporaryFolder();
        var model = Directory.CreateDirectory(folder["model"]).FullName;
        GeneratedCheckpoint.Write(GeneratedCheckpoint.Llama(shape), model);
        var rows = folder.Add("rows.jsonl", Enumerable.Range(0, 32).Select(Row));

        using var child = ChildProgram.Start(
            "", [], "train", "--model_name_or_path", model, "--train_file", rows, "--train_mode", mode, "--output_dir", folder["run"], "--max_steps", "1",
            "--per_device_train_batch_size", "8", "--gradient_accumulation_steps", "2", "--gradient_checkpointing", "true", "--lora_rank", "64", "--save_strategy", "no");
        var peak = child.WatchPeakBytes(s_patience);
        child.WaitForEnd().Expect(ExitCode.Done);

        var info = ChildProgram.Run("info", model, "--row_tokens", $"{RowTokens}", "--shared_tokens", $"{Beginning}", "--json", "-").Expect(ExitCode.Done).LastRow;
        var predicted = info.GetProperty("memory").GetProperty($"{mode}_bytes").GetInt64();
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{shape} {mode}: peak {peak / Gigabyte:F2} GB, predicted {predicted / Gigabyte:F2} GB"));
        Assert.InRange(peak / Gigabyte, 0.1, mostGigabytes);
        Assert.InRange(predicted / (double)peak, 1 - Share, 1 + Share);
    }

    private static string Row(int number)
    {
        var random = new Random(number);
        var ids = Enumerable.Range(0, RowTokens).Select(at => at < Beginning ? at + 10 : random.Next(10, 60000)).ToArray();
        var labels = ids.Select((id, at) => at < RowTokens - Answer ? -100 : id);
        return JsonSerializer.Serialize(new { input_ids = ids, labels });
    }
}
