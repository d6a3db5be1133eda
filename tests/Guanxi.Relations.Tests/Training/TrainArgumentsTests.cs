using Guanxi.Relations.Training;
using Guanxi.Transformers;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Relations.Tests.Training;

/// <summary>Keys that must fit each other, and Hugging Face's names.</summary>
public sealed class TrainArgumentsTests : IDisposable
{
    private readonly TrainingFolder _folder = new();

    public TrainArgumentsTests()
    {
        Directory.CreateDirectory(_folder["base"]);
        _folder.Add("rows.tsv", "label\tcontent\n");
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("adamw_torch", OptimizerKind.AdamW)]
    [InlineData("adamw_hf", OptimizerKind.AdamW)]
    [InlineData("adamw_torch_fused", OptimizerKind.AdamW)]
    [InlineData("paged_adamw", OptimizerKind.AdamW)]
    [InlineData("paged_adamw_32bit", OptimizerKind.AdamW)]
    [InlineData("adamw_8bit", OptimizerKind.AdamW8Bit)]
    [InlineData("adamw_bnb_8bit", OptimizerKind.AdamW8Bit)]
    [InlineData("paged_adamw_8bit", OptimizerKind.AdamW8Bit)]
    [InlineData("sgd", OptimizerKind.Sgd)]
    public void Names_of_optimizers_map_to_what_is_done(string name, OptimizerKind kind)
    {
        Assert.Equal(kind, OptimizerNames.KindOf(Read(("optim", name)).Optim));
        Assert.StartsWith($"optim {name}: ", OptimizerNames.Describe(name), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("optim", "optim", "adafactor")]
    [InlineData("optim", "optim", "lion_8bit")]
    [InlineData("eval_strategy", "eval_strategy", "epoch")]
    [InlineData("eval_strategy", "load_best_model_at_end", "true")]
    [InlineData("eval_strategy", "early_stopping_patience", "3")]
    [InlineData("metric_for_best_model", "metric_for_best_model", "bleu")]
    [InlineData("early_stopping_patience", "early_stopping_patience", "0")]
    [InlineData("loraplus_lr_ratio", "loraplus_lr_ratio", "0.5")]
    [InlineData("neftune_noise_alpha", "neftune_noise_alpha", "-1")]
    [InlineData("save_total_limit", "save_total_limit", "0")]
    [InlineData("adam_beta1", "adam_beta1", "1")]
    [InlineData("adam_beta2", "adam_beta2", "-0.1")]
    [InlineData("adam_epsilon", "adam_epsilon", "-1e-8")]
    [InlineData("threads", "threads", "-3")]
    [InlineData("mlm_span", "mlm_span", "0")]
    [InlineData("train_mode", "task_type", "mlm")]
    [InlineData("group_by_length", "group_by_length", "maybe")]
    public void What_does_not_fit_is_refused_by_its_key(string where, string key, string value)
    {
        var error = Assert.Throws<OptionsException>(() => Read((key, value)));
        Assert.Contains(error.Problems, problem => problem.Where.Contains(where, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("use_dora", "true")]
    [InlineData("modules_to_save", "lm_head")]
    [InlineData("loraplus_lr_ratio", "4")]
    public void Keys_of_adapters_are_refused_in_a_full_training(string key, string value)
    {
        var error = Assert.Throws<OptionsException>(() => Read(("train_mode", "full"), (key, value)));
        Assert.Equal(key, Assert.Single(error.Problems).Where);
    }

    [Fact]
    public void Names_of_older_versions_are_read()
    {
        Assert.Equal("epoch", Read(("evaluation_strategy", "epoch"), ("group_split", "0.1")).EvalStrategy);
        Assert.Equal(RowSampling.GroupByLength, Read(("train_sampling_strategy", "group_by_length")).TrainSamplingStrategy);
        Assert.Equal(RowSampling.GroupByLength, Read(("group_by_length", "true")).TrainSamplingStrategy);
        Assert.Equal(["lm_head", "embed_tokens"], Read(("modules_to_save", "lm_head,embed_tokens")).ModulesToSave);
    }

    [Fact]
    public void A_key_without_a_value_in_a_file_is_a_key_that_was_not_given()
    {
        _folder.Add("args.json", """{"labels_file": null, "save_total_limit": null, "learning_rate": null, "seed": 7}""");

        var read = TrainArgumentsReader.Read(_folder["args.json"], Given(), _ => { });

        Assert.Equal((null, null, null, 7L), (read.LabelsFile, read.SaveTotalLimit, read.LearningRate, (long)read.Seed));
    }

    [Fact]
    public void Settings_of_a_schedule_come_from_the_command_line_or_a_file_and_go_into_the_run()
    {
        _folder.Add("file.json", """{"lr_scheduler_type": "warmup_stable_decay", "lr_scheduler_kwargs": {"num_decay_steps": 7, "decay_type": "linear"}}""");
        var fromFile = TrainArgumentsReader.Read(_folder["file.json"], Given(), _ => { });
        _folder.Add("again.json", TrainArgumentsReader.Write(fromFile));

        foreach (var arguments in new[]
        {
            fromFile, TrainArgumentsReader.Read(_folder["again.json"], [], _ => { }),
            Read(("lr_scheduler_type", "warmup_stable_decay"), ("lr_scheduler_kwargs", """{"num_decay_steps": 7, "decay_type": "linear"}""")),
        })
        {
            var options = (TrainingDefaults.Of(arguments).Fill(arguments) with { GradientCheckpointing = true }).ToOptions(rows: 16, hasLabels: true);
            Assert.Equal(new LearningRateForm { DecaySteps = 7, Decay = DecayKind.Linear }, options.SchedulerForm);
        }
    }

    [Theory]
    [InlineData("{\"num_cyles\": 2}", "lr_scheduler_kwargs, num_cyles")]
    [InlineData("{\"power\": 2}", "lr_scheduler_kwargs, power")]
    [InlineData("[2]", "--lr_scheduler_kwargs")]
    [InlineData("num_cycles=2", "--lr_scheduler_kwargs")]
    public void Settings_that_a_schedule_does_not_have_are_refused_by_name(string text, string where)
    {
        var error = Assert.Throws<OptionsException>(() => Read(("lr_scheduler_type", "cosine"), ("lr_scheduler_kwargs", text)));
        Assert.Equal(where, Assert.Single(error.Problems).Where);
    }

    private TrainArguments Read(params (string Key, string Value)[] keys) =>
        TrainArgumentsReader.Read(null, Given(keys), _ => { });

    private List<KeyValuePair<string, string>> Given(params (string Key, string Value)[] keys)
    {
        (string Key, string Value)[] needed = [("model_name_or_path", _folder["base"]), ("train_file", _folder["rows.tsv"]), ("output_dir", _folder["run"])];
        return [.. needed.Concat(keys).Select(item => KeyValuePair.Create(item.Key, item.Value))];
    }
}
