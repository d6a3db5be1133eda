using Guanxi.Transformers;
using Guanxi.Transformers.Hubs;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>What is wrong with arguments that were read well each for itself.</summary>
internal static class TrainArgumentsCheck
{
    private static readonly string[] s_metrics = [RunMetrics.Loss, RunMetrics.WeightedF1, RunMetrics.Accuracy];

    /// <summary>The values of keys that are texts and can have only some.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyCollection<string>> Words { get; } = new Dictionary<string, IReadOnlyCollection<string>>
    {
        ["method"] = Methods.All,
        ["optim"] = OptimizerNames.All,
        ["dtype"] = ["auto", "fp32", "bf16"],
        ["save_strategy"] = ["steps", "epoch", "no"],
        ["eval_strategy"] = ["steps", "epoch", "no"],
        ["lr_scheduler_type"] = LearningRateSchedule.KindNames,
        ["model_load_dtype"] = ["bf16", "fp16"],
    };

    public static void Check(TrainArguments arguments, List<Problem> problems)
    {
        if (arguments.Method != Methods.Tfidf)
        {
            Require("model_name_or_path", arguments.ModelNameOrPath, "the folder of the base model", problems);
        }

        Require("train_file", arguments.TrainFile, arguments.TaskType != TaskType.Sft ? "a text file or a folder of them" : "the training rows", problems);
        Require("output_dir", arguments.OutputDir, "the folder for the run and the trained model", problems);
        if (arguments.TrainFile is { Length: > 0 } file && !Path.Exists(file))
        {
            problems.Add(new Problem("train_file", "there is no such file or folder", Found: file));
        }

        if (arguments.EvalFile is { Length: > 0 } evalFile && !Path.Exists(evalFile))
        {
            problems.Add(new Problem("eval_file", "there is no such file", Found: evalFile));
        }

        if (arguments.ModelNameOrPath is { Length: > 0 } model && !Directory.Exists(model) && !File.Exists(model))
        {
            problems.Add(new Problem(
                "model_name_or_path", "there is no such folder or .gguf file", Found: model,
                Hint: $"{HubCache.DownloadHint(model) ?? "Download the model first"}; assets/base-zh is here without a download."));
        }

        OneOf("optim", arguments.Optim, problems);
        CheckMethod(arguments, problems);
        CheckTask(arguments, problems);
        CheckEvaluation(arguments, problems);
        CheckNames(arguments, problems);
        CheckNumbers(arguments, problems);
    }

    private static void Require(string key, string? value, string what, List<Problem> problems)
    {
        if (string.IsNullOrEmpty(value))
        {
            problems.Add(new Problem(key, "the key is missing", what));
        }
    }

    private static void CheckMethod(TrainArguments arguments, List<Problem> problems)
    {
        OneOf("method", arguments.Method, problems);
        if (arguments.Method is Methods.Llm)
        {
            return;
        }

        if (arguments.TaskType != TaskType.Sft)
        {
            problems.Add(new Problem("task_type", $"method {arguments.Method} learns labels", "sft", Snake(arguments.TaskType)));
        }

        if (arguments.TrainMode != TrainMode.Full)
        {
            problems.Add(new Problem("train_mode", $"method {arguments.Method} trains all parameters that it has", "full", Snake(arguments.TrainMode)));
        }
    }

    private static void CheckTask(TrainArguments arguments, List<Problem> problems)
    {
        if (arguments.TaskType == TaskType.Mlm && arguments.TrainMode != TrainMode.Full)
        {
            problems.Add(new Problem("train_mode", "hidden tokens are learnt with all parameters", "full", Snake(arguments.TrainMode)));
        }

        if ((arguments.TaskType == TaskType.Mlm || arguments.Method != Methods.Llm) && arguments.NeftuneNoiseAlpha > 0)
        {
            problems.Add(new Problem("neftune_noise_alpha", "only language models take noise on their embeddings", "0", $"{arguments.NeftuneNoiseAlpha}"));
        }

        void OnlyWithEncoders(string key, double? value)
        {
            if (value > 0 && arguments.Method is not (Methods.RBert or Methods.BertCls))
            {
                problems.Add(new Problem(key, "it concerns encoders that train", $"method {Methods.RBert} or {Methods.BertCls}", arguments.Method));
            }
        }

        OnlyWithEncoders("name_mask_probability", arguments.NameMaskProbability);
        OnlyWithEncoders("teacher_share", arguments.TeacherShare);
        OnlyWithEncoders("linear_share", arguments.LinearShare);
        OnlyWithEncoders("adapt_epochs", arguments.AdaptEpochs);

        if (arguments.TaskType != TaskType.Sft && arguments.GroupSplit > 0)
        {
            problems.Add(new Problem("group_split", "only rows of relations can be cut by sentence", "0, and texts in eval_file", $"{arguments.GroupSplit}"));
        }

        var isAdapter = arguments.TrainMode != TrainMode.Full;
        void OnlyWithAdapters(string key, bool isGiven)
        {
            if (isGiven && !isAdapter)
            {
                problems.Add(new Problem(key, "it concerns adapters, and a full training has none", "train_mode lora or qlora", "full"));
            }
        }

        OnlyWithAdapters("use_dora", arguments.UseDora);
        OnlyWithAdapters("modules_to_save", arguments.ModulesToSave is { Count: > 0 });
        OnlyWithAdapters("loraplus_lr_ratio", arguments.LoraplusLrRatio is not null);
        OnlyWithAdapters("adapter_name_or_path", arguments.AdapterNameOrPath is { Length: > 0 });
        if (arguments.Optim.Contains("8bit", StringComparison.Ordinal) && Torch.Device.TryParse(arguments.Device, out var device) && !device.IsCpu)
        {
            problems.Add(new Problem("optim", "moments in 8 bits are kept on the CPU only", "adamw_torch", arguments.Optim));
        }
    }

    private static void CheckEvaluation(TrainArguments arguments, List<Problem> problems)
    {
        var evaluates = arguments.EvalStrategy != "no";
        if (evaluates && arguments.EvalFile is not { Length: > 0 } && arguments.GroupSplit == 0)
        {
            problems.Add(new Problem(
                "eval_strategy", "there is nothing to evaluate on", "no, or rows in eval_file, or a share of train_file in group_split", arguments.EvalStrategy));
        }

        if (!evaluates && arguments.Chooses())
        {
            problems.Add(new Problem(
                "eval_strategy", "without evaluations there is no best checkpoint and no end by patience", "steps or epoch", arguments.EvalStrategy));
        }

        if (arguments.MetricForBestModel is { } metric && !s_metrics.Contains(RunMetrics.Plain(metric)))
        {
            problems.Add(new Problem("metric_for_best_model", "there is no such metric", string.Join(" | ", s_metrics), metric));
        }

        AtLeast("early_stopping_patience", arguments.EarlyStoppingPatience, 1, problems);
        AtLeast("eval_steps", arguments.EvalSteps, 1, problems);
    }

    private static string Snake(Enum value) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    private static void CheckNames(TrainArguments arguments, List<Problem> problems)
    {
        OneOf("dtype", arguments.Dtype, problems);
        OneOf("save_strategy", arguments.SaveStrategy, problems);
        OneOf("eval_strategy", arguments.EvalStrategy, problems);
        OneOf("lr_scheduler_type", arguments.LrSchedulerType, problems);
        CheckScheduler(arguments, problems);
        OneOf("model_load_dtype", arguments.ModelLoadDtype, problems);
        if (!Torch.Device.TryParse(arguments.Device, out _))
        {
            problems.Add(new Problem("device", "unknown device", "cpu, cuda or cuda:N", arguments.Device));
        }
    }

    private static void CheckScheduler(TrainArguments arguments, List<Problem> problems)
    {
        var name = arguments.LrSchedulerType;
        if (arguments.LrSchedulerKwargs is not { } values || (name is not null && !LearningRateSchedule.KindNames.Contains(name)))
        {
            return;
        }

        try
        {
            _ = LearningRateForm.Parse(values, name is null ? null : LearningRateSchedule.ParseKind(name));
        }
        catch (OptionsException error)
        {
            problems.AddRange(error.Problems);
        }
    }

    private static void OneOf(string key, string? value, List<Problem> problems)
    {
        if (value is not null && !Words[key].Contains(value))
        {
            var nearest = EditDistance.Nearest(value, Words[key]);
            problems.Add(new Problem(key, "unknown value", string.Join(" | ", Words[key]), value, nearest is null ? null : $"Did you mean {nearest}?"));
        }
    }

    private static void CheckNumbers(TrainArguments arguments, List<Problem> problems)
    {
        AtLeast("max_seq_length", arguments.MaxSeqLength, 8, problems);
        AtLeast("per_device_train_batch_size", arguments.PerDeviceTrainBatchSize, 1, problems);
        AtLeast("gradient_accumulation_steps", arguments.GradientAccumulationSteps, 1, problems);
        AtLeast("lora_rank", arguments.LoraRank, 1, problems);
        AtLeast("save_steps", arguments.SaveSteps, 1, problems);
        AtLeast("logging_steps", arguments.LoggingSteps, 1, problems);
        AtLeast("warmup_steps", arguments.WarmupSteps, 0, problems);
        AtLeast("weight_decay", arguments.WeightDecay, 0, problems);
        AtLeast("max_grad_norm", arguments.MaxGradNorm, 0, problems);
        AtLeast("learning_rate", arguments.LearningRate, 0, problems);
        AtLeast("num_train_epochs", arguments.NumTrainEpochs, 0, problems);
        AtLeast("adapt_epochs", arguments.AdaptEpochs, 0, problems);
        AtLeast("neftune_noise_alpha", arguments.NeftuneNoiseAlpha, 0, problems);
        AtLeast("loraplus_lr_ratio", arguments.LoraplusLrRatio, 1, problems);
        AtLeast("ddp_timeout", arguments.DdpTimeout, 1, problems);
        AtLeast("rank_timeout", arguments.RankTimeout, 3, problems);
        AtLeast("adam_epsilon", arguments.AdamEpsilon, 0, problems);
        AtLeast("threads", arguments.Threads, 0, problems);
        AtLeast("mlm_span", arguments.MlmSpan, 1, problems);
        AtLeast("save_total_limit", arguments.SaveTotalLimit, 1, problems);
        Share("adam_beta1", arguments.AdamBeta1, problems);
        Share("adam_beta2", arguments.AdamBeta2, problems);
        Share("lora_dropout", arguments.LoraDropout, problems);
        Share("group_split", arguments.GroupSplit, problems);
        Share("label_smoothing_factor", arguments.LabelSmoothingFactor, problems);
        Share("warmup_ratio", arguments.WarmupRatio, problems);
        Share("mlm_probability", arguments.MlmProbability, problems);
        Share("name_mask_probability", arguments.NameMaskProbability, problems);
        Share("teacher_share", arguments.TeacherShare, problems);
        Share("linear_share", arguments.LinearShare, problems);
    }

    private static void AtLeast(string key, double? value, double least, List<Problem> problems)
    {
        if (value < least)
        {
            problems.Add(new Problem(key, "the number is too small", $"at least {least}", $"{value}"));
        }
    }

    private static void Share(string key, double? value, List<Problem> problems)
    {
        if (value is < 0 or >= 1)
        {
            problems.Add(new Problem(key, "the share is out of range", "from 0 up to, not including, 1", $"{value}"));
        }
    }
}
