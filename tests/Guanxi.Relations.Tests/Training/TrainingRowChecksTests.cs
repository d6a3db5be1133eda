using Guanxi.Relations.Formats;
using Guanxi.Relations.Prompts;
using Guanxi.TestKit;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.Training;

/// <summary>What is told of rows before a model is loaded: the base here has no weights, so loading it would fail.</summary>
public sealed class TrainingRowChecksTests
{
    private const string Tokenizer = "golden/tokenizers/nano-spm";

    private const string Faulty =
        "label\tcontent\n"
        + "父母\t<e1>贾政</e1>是<e2>贾宝玉</e2>的父亲。\n"
        + "夫妻\t<e1>贾政</e1>是<e2>贾宝玉</e2>的父亲。\n"
        + "父母\t<e1>贾政</e1>是<e2>贾宝玉</e2>的父亲。\n"
        + "不知道\t<e1>薛蟠</e1>见过<e2>柳湘莲</e2>，在一个很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长的句子里。\n";

    [GoldenFact(Tokenizer)]
    public void Faults_of_relation_rows_are_told_with_counts_and_places()
    {
        using var folder = new TrainingFolder().WithDecoder(hasWeights: false);
        var train = folder.Add("train.tsv", Faulty);
        var eval = folder.Add("eval.tsv", "label\tcontent\n父母\t<e1>贾政</e1>是<e2>贾宝玉</e2>的父亲。\n父母\t贾政是<e1>贾宝玉</e1>的<e2>父亲</e2>。\n夫妻\t<e1>甲</e1>娶<e2>乙</e2>。\n");

        Assert.Throws<CheckpointException>(() => folder.Run(folder.Arguments(
            "run", ("train_file", train), ("eval_file", eval), ("eval_strategy", "epoch"), ("max_seq_length", "30"),
            ("prompt_template", "从父母、夫妻、不确定中选择：{text}"))));

        Assert.Equal(
            [
                $"warning: 1 of 4 rows of train_file answer otherwise than an earlier row that asks the same ({train}:3)",
                $"warning: 1 of 4 rows of train_file repeat an earlier row ({train}:4)",
                $"warning: 2 of 3 rows of eval_file have a sentence that is trained on, 1 of them with the same question: their scores are too good ({eval}:2, {eval}:3)",
                $"warning: 1 of 4 rows are labelled 不知道: the prompt says 不确定 where the answers say 不知道 ({train}:5)",
            ],
            folder.Notes.Where(note => note.StartsWith("warning: ", StringComparison.Ordinal)).Take(4));
        Assert.Contains(folder.Notes, note => note.Contains("rows lose target tokens to max_seq_length 30; the longest needs ", StringComparison.Ordinal));
        Assert.Contains(folder.Notes, note => note.Contains("of 4 rows have no token left to learn", StringComparison.Ordinal));
    }

    [GoldenFact(Tokenizer)]
    public void Answers_that_a_prompt_does_not_offer_are_told_of_instruction_rows()
    {
        using var folder = new TrainingFolder().WithDecoder(hasWeights: false);
        var relations = DatasetReader.Read(folder.Add("train.tsv", Faulty), new DatasetReadOptions()).Relations;
        var template = PromptTemplate.Parse("从父母、夫妻、不确定中选择：{text}", ["父母", "夫妻", "不知道"], "test");
        using (var writer = File.CreateText(folder["train.jsonl"]))
        {
            FireflyWriter.Write(writer, relations, template);
        }

        Assert.Throws<CheckpointException>(() => folder.Run(folder.Arguments("run", ("train_file", folder["train.jsonl"]))));

        Assert.Contains($"warning: 1 of 4 rows answer 不知道, which their prompt does not offer ({folder["train.jsonl"]}:4)", folder.Notes);
        Assert.Contains(folder.Notes, note => note.Contains("repeat an earlier row", StringComparison.Ordinal));
        Assert.Contains(folder.Notes, note => note.Contains("answer otherwise than an earlier row", StringComparison.Ordinal));
    }

    [GoldenFact(Tokenizer)]
    public void Labels_and_kinds_of_rows_that_train_file_does_not_have_are_refused_in_eval_file()
    {
        using var folder = new TrainingFolder().WithDecoder(hasWeights: false);
        var train = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(9));
        var label = folder.Add("label.tsv", "label\tcontent\n师生\t<e1>甲</e1>教<e2>乙</e2>。\n");
        var kind = folder.Add("kind.jsonl", "{\"input_ids\": [1, 5], \"labels\": [-100, 5]}\n");
        OptionsException Told(string eval) => Assert.Throws<OptionsException>(() => folder.Run(folder.Arguments(
            "run", ("train_file", train), ("eval_file", eval), ("eval_strategy", "epoch"))));

        Assert.Contains("师生", Told(label).Message, StringComparison.Ordinal);
        Assert.Contains("another kind", Told(kind).Message, StringComparison.Ordinal);
    }

    [GoldenFact(Tokenizer)]
    public void Rows_in_order_are_not_warned_of()
    {
        using var folder = new TrainingFolder().WithDecoder(hasWeights: false);
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(9));

        Assert.Throws<CheckpointException>(() => folder.Run(folder.Arguments("run", ("train_file", rows), ("max_seq_length", "256"))));

        Assert.DoesNotContain(folder.Notes, note => note.StartsWith("warning: ", StringComparison.Ordinal));
    }
}
