using System.Text.Json;
using Guanxi.Relations.Artifacts;
using Guanxi.Transformers;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>Values of keys that were not given: those that a base model's <c>guanxi.json</c> names, else those of the published recipe.</summary>
public sealed record TrainingDefaults
{
    /// <summary>Prompt that the base was made for; null where it names none.</summary>
    public string? PromptTemplate { get; private init; }

    private TrainArguments Values { get; init; } = new();

    /// <summary>What arguments are before any key is read; what depends on the base as well is filled in later.</summary>
    /// <param name="method">Method of classification; an unknown one is refused later.</param>
    /// <returns>The arguments.</returns>
    internal static TrainArguments Start(string method) => method switch
    {
        Methods.Llm => new TrainArguments(),

        // Early stopping needs something to look at.
        Methods.BertBiGruAtt => new TrainArguments
        {
            TrainMode = TrainMode.Full, GroupSplit = 0.1, EvalStrategy = "epoch", MetricForBestModel = RunMetrics.Loss, EarlyStoppingPatience = 5, LoadBestModelAtEnd = true,
        },
        _ => new TrainArguments { TrainMode = TrainMode.Full },
    };

    /// <summary>Finds the defaults of a run.</summary>
    /// <param name="arguments">Arguments; the base's folder and the task decide.</param>
    /// <returns>The defaults.</returns>
    /// <exception cref="OptionsException">The base's file names unknown keys, or values that do not fit.</exception>
    /// <exception cref="CheckpointException">The base's file is damaged.</exception>
    public static TrainingDefaults Of(TrainArguments arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var published = arguments switch
        {
            { TaskType: not TaskType.Sft } => Pretraining,
            { Method: Methods.BertBiGruAtt } => FrozenEncoder,
            { Method: Methods.RBert or Methods.BertCls } => EncoderTuning,
            _ => Article,
        };
        var file = Path.Combine(arguments.ModelNameOrPath ?? string.Empty, ArtifactInfo.FileName);
        if (arguments.TaskType != TaskType.Sft || !File.Exists(file))
        {
            return new TrainingDefaults { Values = published };
        }

        var (template, keys) = ArtifactJson.ReadDefaults(file);
        return new TrainingDefaults
        {
            Values = keys is { } given ? Overlay(published, given, arguments.Method, $"{file}, {ArtifactJson.Defaults}") : published,
            PromptTemplate = template,
        };
    }

    /// <summary>Fills in what was not given.</summary>
    /// <param name="given">Arguments as given.</param>
    /// <returns>Arguments without gaps, but that memory decides later whether a language model's layers are computed again.</returns>
    public TrainArguments Fill(TrainArguments given)
    {
        ArgumentNullException.ThrowIfNull(given);
        var warmup = given.WarmupSteps is null && given.WarmupRatio is null;
        return given with
        {
            MaxSeqLength = given.MaxSeqLength ?? Values.MaxSeqLength,
            NumTrainEpochs = given.NumTrainEpochs ?? Values.NumTrainEpochs,
            PerDeviceTrainBatchSize = given.PerDeviceTrainBatchSize ?? Values.PerDeviceTrainBatchSize,
            GradientAccumulationSteps = given.GradientAccumulationSteps ?? Values.GradientAccumulationSteps,
            LearningRate = given.LearningRate ?? Values.LearningRate,
            LrSchedulerType = given.LrSchedulerType ?? Values.LrSchedulerType,
            LrSchedulerKwargs = given.LrSchedulerKwargs ?? (given.LrSchedulerType is null ? Values.LrSchedulerKwargs : null),
            WarmupSteps = warmup ? Values.WarmupSteps : given.WarmupSteps,
            WarmupRatio = warmup ? Values.WarmupRatio : given.WarmupRatio,
            MaxGradNorm = given.MaxGradNorm ?? Values.MaxGradNorm,
            GradientCheckpointing = given.GradientCheckpointing ?? Values.GradientCheckpointing,
            LoraAlpha = given.LoraAlpha ?? Values.LoraAlpha,
            AdaptEpochs = given.AdaptEpochs ?? Values.AdaptEpochs,
            TeacherShare = given.TeacherShare ?? Values.TeacherShare,
            LinearShare = given.LinearShare ?? Values.LinearShare,
            NameMaskProbability = given.NameMaskProbability ?? Values.NameMaskProbability,
        };
    }

    // Keys for every method, and under a method's name those for it alone.
    private static TrainArguments Overlay(TrainArguments published, JsonElement keys, string method, string where)
    {
        var values = TrainArgumentsReader.Overlay(published, keys, where);
        return !keys.TryGetProperty(method, out var own) ? values
            : own.ValueKind == JsonValueKind.Object ? TrainArgumentsReader.Overlay(values, own, $"{where}, {method}")
            : throw new OptionsException(new Problem($"{where}, {method}", "the value does not fit", "an object of keys", Excerpt.Of(own.GetRawText())));
    }

    /// <summary>task.md: the arguments of the article.</summary>
    private static TrainArguments Article { get; } = new()
    {
        MaxSeqLength = 256,
        NumTrainEpochs = 5,
        PerDeviceTrainBatchSize = 8,
        GradientAccumulationSteps = 2,
        LearningRate = 2e-4,
        LrSchedulerType = "constant_with_warmup",
        WarmupSteps = 100,
        MaxGradNorm = 0.3,
        LoraAlpha = 16,
    };

    /// <summary>R-BERT's paper (arXiv 1905.08284, table 1), with the length of the published runs; Devlin et al. 2018, A.3, tune classifiers alike.</summary>
    private static TrainArguments EncoderTuning { get; } = new()
    {
        MaxSeqLength = 210,
        NumTrainEpochs = 5,
        PerDeviceTrainBatchSize = 16,
        GradientAccumulationSteps = 1,
        LearningRate = 2e-5,
        LrSchedulerType = "linear",
        WarmupRatio = 0.1,
        MaxGradNorm = 1,
        GradientCheckpointing = false,
        LoraAlpha = Article.LoraAlpha,
    };

    /// <summary>The published arguments of the BiGRU over features that do not train.</summary>
    private static TrainArguments FrozenEncoder { get; } = EncoderTuning with
    {
        MaxSeqLength = 128,
        NumTrainEpochs = 30,
        LearningRate = 1e-3,
        LrSchedulerType = "constant",
        WarmupRatio = 0,
        MaxGradNorm = 0,
    };

    private static TrainArguments Pretraining { get; } = new()
    {
        MaxSeqLength = 256,
        NumTrainEpochs = 1,
        PerDeviceTrainBatchSize = 8,
        GradientAccumulationSteps = 1,
        LearningRate = 1e-3,
        LrSchedulerType = "cosine",
        WarmupRatio = 0.02,
        MaxGradNorm = 1,
        GradientCheckpointing = false,
        LoraAlpha = Article.LoraAlpha,
    };
}

/// <summary>Arguments as the trainer takes them.</summary>
internal static class TrainArgumentsConversion
{
    /// <summary>Options of a run whose gaps are filled.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <param name="rows">Rows of the training set.</param>
    /// <param name="hasLabels">Whether the rows evaluated have labels to be scored.</param>
    public static TrainingOptions ToOptions(this TrainArguments arguments, int rows, bool hasLabels)
    {
        var scheduler = LearningRateSchedule.ParseKind(arguments.LrSchedulerType!);
        var options = new TrainingOptions
        {
            Epochs = arguments.NumTrainEpochs!.Value,
            MaxSteps = arguments.MaxSteps,
            BatchSize = arguments.PerDeviceTrainBatchSize!.Value,
            Accumulation = arguments.GradientAccumulationSteps!.Value,
            LossMean = arguments.LossMean,
            Optimizer = OptimizerNames.KindOf(arguments.Optim),
            LearningRate = arguments.LearningRate!.Value,
            Scheduler = scheduler,
            SchedulerForm = arguments.LrSchedulerKwargs is { } form ? LearningRateForm.Parse(form, scheduler) : new LearningRateForm(),
            WarmupSteps = arguments.WarmupSteps ?? 0,
            WarmupRatio = arguments.WarmupRatio ?? 0,
            WeightDecay = arguments.WeightDecay,
            Beta1 = arguments.AdamBeta1,
            Beta2 = arguments.AdamBeta2,
            Epsilon = arguments.AdamEpsilon,
            MaxGradNorm = arguments.MaxGradNorm!.Value,
            NextToken = new NextTokenForm
            {
                EmbeddingNoise = arguments.NeftuneNoiseAlpha ?? 0,
                LabelSmoothing = arguments.LabelSmoothingFactor,
                SharesPrefix = arguments.SharedPrefix,
                SupervisedOnly = arguments.SupervisedOnly,
                PadsRows = arguments.PadRows,
            },
            Seed = arguments.Seed,
            Sampling = arguments.TrainSamplingStrategy,
            GradientCheckpointing = arguments.GradientCheckpointing!.Value,
            Choice = RunMetrics.ChoiceOf(arguments, RunMetrics.MetricOf(arguments, hasLabels)),
            Patience = arguments.EarlyStoppingPatience ?? 0,
        };
        var stepsPerEpoch = new TrainingPlan(rows, _ => 0, options, arguments.WorldSize).StepsPerEpoch;
        return options with
        {
            SaveSteps = Every(arguments.SaveStrategy, arguments.SaveSteps, stepsPerEpoch),
            EvalSteps = Every(arguments.EvalStrategy, arguments.EvalSteps ?? arguments.LoggingSteps, stepsPerEpoch),
        };
    }

    private static int Every(string strategy, int steps, int stepsPerEpoch) => strategy switch
    {
        "steps" => steps,
        "epoch" => stepsPerEpoch,
        _ => 0,
    };
}
