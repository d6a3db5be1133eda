using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Training;
using Guanxi.TestKit;
using Guanxi.Transformers;
using Guanxi.Transformers.Models;
using Xunit;

namespace Guanxi.Relations.Tests.Training;

/// <summary>Runs from arguments to artefact on a tiny model: what they choose, keep and go on with.</summary>
public sealed class TrainingJobTests
{
    private const string Tokenizer = "golden/tokenizers/nano-spm";

    private static readonly string[] s_weights = ["adapter_model.safetensors", "adapter_config.json"];

    [GoldenFact(Tokenizer)]
    public void The_best_checkpoint_is_kept_loaded_and_told()
    {
        using var leaks = new LeakCheck();
        using var folder = new TrainingFolder().WithDecoder();
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(48));
        var arguments = folder.Arguments(
            "run", ("train_file", rows), ("train_mode", "lora"), ("lora_rank", "4"), ("lora_target_modules", "all-linear"), ("learning_rate", "0.05"), ("max_steps", "12"), ("group_split", "0.3"),
            ("eval_strategy", "steps"), ("eval_steps", "2"), ("save_steps", "1"), ("save_total_limit", "1"), ("load_best_model_at_end", "true"),
            ("metric_for_best_model", "eval_loss"));

        Assert.True(folder.Run(arguments));

        var losses = folder.Evaluations.Select(item => (item.Step, Loss: item.Metrics.Single(metric => metric.Key == "loss").Value)).ToArray();
        Assert.Equal(["loss", "weighted_f1", "accuracy"], folder.Evaluations[0].Metrics.Select(metric => metric.Key));
        var best = losses.MinBy(item => item.Loss);
        Assert.Equal([.. new[] { $"checkpoint-{best.Step}", "checkpoint-12" }.Distinct().Order()], folder.Checkpoints("run"));
        AssertSameFiles(folder[$"run/checkpoint-{best.Step}"], folder["run"], s_weights);
        Assert.Equal(best.Loss, ArtifactInfo.TryRead(folder["run"])!.Metrics["eval_loss"]);
        Assert.Contains("model.layers.0.mlp.down_proj", File.ReadAllText(folder["run/adapter_config.json"]), StringComparison.Ordinal);
        Assert.Contains(folder.Notes, note => note.StartsWith($"the best checkpoint is that of step {best.Step},", StringComparison.Ordinal));
        Assert.DoesNotContain(folder.Notes, note => note.Contains("eval_file", StringComparison.Ordinal));
    }

    [GoldenFact(Tokenizer)]
    public void A_run_goes_on_in_the_type_that_it_computed_in_until_now()
    {
        using var folder = new TrainingFolder().WithDecoder();
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(24));
        TrainArguments Arguments(string dtype, string resume) =>
            folder.Arguments($"run-{dtype}", ("train_file", rows), ("train_mode", "lora"), ("max_steps", "4"), ("dtype", resume == "false" ? dtype : "auto"), ("resume_from_checkpoint", resume));

        // One of the two is not what this machine would choose.
        foreach (var dtype in (string[])["fp32", "bf16"])
        {
            Assert.False(folder.Run(Arguments(dtype, "false"), stopAfter: 2));
            folder.Notes.Clear();
            Assert.True(folder.Run(Arguments(dtype, "true")));

            Assert.Contains($"computing in {dtype}, as the run did until now", folder.Notes);
            Assert.Equal(dtype, ArtifactInfo.TryRead(folder[$"run-{dtype}"])!.Versions["compute_dtype"]);
        }
    }

    [GoldenFact(Tokenizer)]
    public void Another_compute_type_is_another_run()
    {
        using var folder = new TrainingFolder().WithDecoder();
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(24));
        TrainArguments Arguments(params (string Key, string Value)[] more) =>
            folder.Arguments("run", [("train_file", rows), ("train_mode", "lora"), ("max_steps", "4"), .. more]);
        Assert.False(folder.Run(Arguments(), stopAfter: 2));

        var refused = Assert.Throws<OptionsException>(() => folder.Run(Arguments(("dtype", "bf16"), ("resume_from_checkpoint", "true"))));

        Assert.Contains("other arguments", refused.Message, StringComparison.Ordinal);
    }

    [GoldenFact(Tokenizer)]
    public void A_run_with_all_there_is_goes_on_to_the_same_bytes_and_computing_layers_again_changes_none()
    {
        using var leaks = new LeakCheck();
        using var folder = new TrainingFolder().WithDecoder();
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(24));
        TrainArguments Arguments(string run, params (string Key, string Value)[] more) => folder.Arguments(run, [
            ("train_file", rows), ("train_mode", "qlora"), ("model_load_dtype", "bf16"), ("lora_rank", "64"), ("lora_dropout", "0.1"), ("use_dora", "true"),
            ("modules_to_save", "lm_head"), ("neftune_noise_alpha", "5"), ("loraplus_lr_ratio", "4"), ("optim", "adamw_bnb_8bit"), ("weight_decay", "0.01"),
            ("label_smoothing_factor", "0.1"), ("train_sampling_strategy", "group_by_length"), ("loss_mean", "of_micro_batches"), ("max_steps", "8"),
            ("group_split", "0.25"), ("eval_strategy", "steps"), ("eval_steps", "2"), ("save_steps", "100"), ("learning_rate", "0.01"),
            ("early_stopping_patience", "2"), ("load_best_model_at_end", "true"), .. more]);
        Assert.True(folder.Run(Arguments("whole")));
        Assert.False(folder.Run(Arguments("stopped"), stopAfter: 2));
        Assert.False(folder.Run(Arguments("stopped", ("resume_from_checkpoint", "true"), ("gradient_checkpointing", "true")), stopAfter: 3));
        Assert.True(folder.Run(Arguments("stopped", ("resume_from_checkpoint", "true"), ("gradient_checkpointing", "true"))));

        AssertSameFiles(folder["whole"], folder["stopped"], s_weights);
        string[] Facts(string run) => [.. folder.Log(run).Select(line => string.Join(' ', line.EnumerateObject()
            .Where(item => item.Name is "step" or "loss" or "learning_rate" or "grad_norm" || item.Name.StartsWith("eval_", StringComparison.Ordinal))))];
        Assert.Equal(Facts("whole"), Facts("stopped"));
        Assert.Contains("optim adamw_bnb_8bit: AdamW with two moments in 8 bits as in bitsandbytes, in 32 bits for tensors below 4096 elements", folder.Notes);
        var info = ArtifactInfo.TryRead(folder["whole"])!;
        Assert.Equal("bf16", info.ModelLoadDtype);
        Assert.Contains("eval_weighted_f1", info.Metrics.Keys);
        using var model = TrainedModel.Load(folder["whole"], new LanguageModelOptions());
        Assert.True(model.RequireModel().Adapter!.Config.UseDora);
        Assert.Contains(model.RequireModel().Adapter!.Trainable, item => item.Name == "base_model.model.lm_head.weight");
    }

    [GoldenFact(Tokenizer)]
    public void An_evaluation_that_a_stop_broke_off_is_made_first_when_the_run_goes_on()
    {
        using var leaks = new LeakCheck();
        using var folder = new TrainingFolder().WithDecoder();
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(24));
        TrainArguments Arguments(params (string Key, string Value)[] more) => folder.Arguments("run", [
            ("train_file", rows), ("train_mode", "lora"), ("lora_rank", "4"), ("max_steps", "4"), ("group_split", "0.25"), ("eval_strategy", "steps"),
            ("eval_steps", "2"), ("save_strategy", "no"), ("early_stopping_patience", "5"), .. more]);

        Assert.False(folder.Run(Arguments(), stopAfter: 2));
        Assert.Empty(folder.Evaluations);
        var saved = Directory.GetCreationTimeUtc(folder["run/checkpoint-2"]);
        Assert.True(folder.Run(Arguments(("resume_from_checkpoint", "true"))));

        Assert.Equal([2, 4], folder.Evaluations.Select(item => item.Step));
        Assert.Equal(saved, Directory.GetCreationTimeUtc(folder["run/checkpoint-2"])); // The best of its time, and not written again.
    }

    [GoldenFact(Tokenizer)]
    public void Rows_cut_from_train_choose_and_those_of_eval_file_are_only_measured()
    {
        using var leaks = new LeakCheck();
        using var folder = new TrainingFolder().WithDecoder();
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(24));
        var test = folder.Add("test.tsv", "label\tcontent\n父母\t<e1>贾政</e1>是<e2>贾宝玉</e2>的父亲。\n");
        (string Key, string Value)[] keys =
        [
            ("train_file", rows), ("eval_file", test), ("train_mode", "lora"), ("lora_rank", "4"), ("max_steps", "1"), ("eval_strategy", "epoch"),
            ("early_stopping_patience", "3"),
        ];

        Assert.True(folder.Run(folder.Arguments("cut", [.. keys, ("group_split", "0.25")])));
        Assert.Equal(
            ["loss", "weighted_f1", "accuracy", "file_loss", "file_weighted_f1", "file_accuracy"], folder.Evaluations[0].Metrics.Select(metric => metric.Key));
        Assert.DoesNotContain(folder.Notes, note => note.Contains("no result to report", StringComparison.Ordinal));

        Assert.True(folder.Run(folder.Arguments("file", keys)));
        Assert.Contains(folder.Notes, note => note.Contains("eval_weighted_f1 of eval_file chooses the checkpoint, so it is no result to report", StringComparison.Ordinal));
    }

    [GoldenFact("golden/tokenizers/nano-wordpiece")]
    public void An_encoder_learns_hidden_tokens_from_nothing_and_goes_on_to_the_same_bytes()
    {
        using var leaks = new LeakCheck();
        using var folder = new TrainingFolder().WithEncoder();
        Directory.CreateDirectory(folder["texts"]);
        for (var i = 0; i < 3; i++)
        {
            folder.Add($"texts/{i}.txt", string.Concat(Enumerable.Repeat("人之初，性本善。性相近，习相远。\n\n苟不教，性乃迁。\n", 12)));
        }

        TrainArguments Arguments(string run, params (string Key, string Value)[] more) => folder.Arguments(run, [
            ("train_file", folder["texts"]), ("eval_file", folder["texts/0.txt"]), ("task_type", "mlm"), ("train_mode", "full"), ("max_seq_length", "32"),
            ("max_steps", "12"), ("learning_rate", "0.01"), ("lr_scheduler_type", "constant"), ("eval_strategy", "steps"), ("eval_steps", "4"), .. more]);
        Assert.True(folder.Run(Arguments("whole")));
        Assert.False(folder.Run(Arguments("stopped"), stopAfter: 5));
        Assert.True(folder.Run(Arguments("stopped", ("resume_from_checkpoint", "true"), ("gradient_checkpointing", "true"))));

        AssertSameFiles(folder["whole"], folder["stopped"], ["model.safetensors", "config.json"]);
        var losses = folder.Evaluations.Take(3).Select(item => item.Metrics.Single().Value).ToArray();
        Assert.True(losses[2] < losses[0] - 0.5, string.Join(", ", losses));
        Assert.Contains(folder.Notes, note => note.EndsWith("has no weights: pretraining begins from random ones", StringComparison.Ordinal));
        using var model = EncoderModel.Load(folder["whole"], new EncoderModelOptions());
        Assert.Equal(EncoderHead.MaskedLanguage, model.Config.Head);
        Assert.NotNull(model.Tokenizer);
        Assert.True(folder.Run(Arguments("again", ("model_name_or_path", folder["whole"]), ("max_steps", "1"))));
    }

    [GoldenFact(Tokenizer)]
    public void A_folder_that_is_no_checkpoint_is_refused_with_what_it_is_good_for()
    {
        using var leaks = new LeakCheck();
        using var folder = new TrainingFolder().WithDecoder();
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(8));
        (string Key, string Value)[] keys = [("train_file", rows), ("train_mode", "lora"), ("lora_rank", "4"), ("max_steps", "1")];
        Assert.True(folder.Run(folder.Arguments("first", keys)));

        var error = Assert.Throws<OptionsException>(() => folder.Run(folder.Arguments("second", [.. keys, ("resume_from_checkpoint", folder["first"])])));
        Assert.Contains("--adapter_name_or_path", error.Message, StringComparison.Ordinal);

        Assert.True(folder.Run(folder.Arguments("second", [.. keys, ("adapter_name_or_path", folder["first"])])));
        Assert.Contains($"rank, scale, dropout and layers of the adapter are those of {folder["first"]}", folder.Notes);
    }

    [GoldenFact(Tokenizer)]
    public void A_metric_that_the_rows_cannot_give_is_refused_before_training()
    {
        using var folder = new TrainingFolder().WithDecoder();
        var rows = folder.Add("rows.jsonl", "{\"input_ids\": [1, 5, 9], \"labels\": [-100, 5, 9]}\n");

        var error = Assert.Throws<OptionsException>(() => folder.Run(folder.Arguments(
            "run", ("train_file", rows), ("eval_file", rows), ("eval_strategy", "epoch"), ("metric_for_best_model", "weighted_f1"), ("train_mode", "lora"))));

        Assert.Contains("metric_for_best_model", error.Message, StringComparison.Ordinal);
    }

    private static void AssertSameFiles(string expected, string actual, string[] names) =>
        Assert.All(names, name => Assert.Equal(File.ReadAllBytes(Path.Combine(expected, name)), File.ReadAllBytes(Path.Combine(actual, name))));
}
