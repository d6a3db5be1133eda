using System.Text.Json;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>
/// The keys of <c>train</c>: those of Firefly and Hugging Face's TrainingArguments, and our own. A key's name is the property's in
/// snake_case; null means that the method's or the base's own default holds.
/// </summary>
public sealed record TrainArguments
{
    /// <summary>Method of classification: llm, r-bert, bert-cls, bert-bigru-att or tfidf, which needs no model.</summary>
    /// <value><c>llm</c>.</value>
    public string Method { get; init; } = Methods.Llm;

    /// <summary>What trains: full, lora or qlora; methods other than llm always train full.</summary>
    /// <value><see cref="TrainMode.Qlora"/>.</value>
    public TrainMode TrainMode { get; init; } = TrainMode.Qlora;

    /// <summary>What is learnt: sft (answers to prompts), pretrain (all tokens of texts) or mlm (hidden tokens of texts, by an encoder).</summary>
    /// <value><see cref="TaskType.Sft"/>.</value>
    public TaskType TaskType { get; init; } = TaskType.Sft;

    /// <summary>Folder of the base model.</summary>
    public string? ModelNameOrPath { get; init; }

    /// <summary>Training rows; for pretraining a text file or a folder of them.</summary>
    public string? TrainFile { get; init; }

    /// <summary>Rows to evaluate on during training.</summary>
    public string? EvalFile { get; init; }

    /// <summary>Folder of the run and of the artefact.</summary>
    public string? OutputDir { get; init; }

    /// <summary>Adapter to start from.</summary>
    public string? AdapterNameOrPath { get; init; }

    /// <summary>Question with {text} or {masked_text}, {people1}, {people2} and {labels}, or a file with it; null for the base's own, else the article's over these labels.</summary>
    public string? PromptTemplate { get; init; }

    /// <summary>Labels, one a line, aliases after =.</summary>
    public string? LabelsFile { get; init; }

    /// <summary>Longest row in tokens.</summary>
    public int? MaxSeqLength { get; init; }

    /// <summary>Passes over the rows.</summary>
    public double? NumTrainEpochs { get; init; }

    /// <summary>Steps instead of passes when positive.</summary>
    /// <value>-1.</value>
    public int MaxSteps { get; init; } = -1;

    /// <summary>Rows of a micro-batch.</summary>
    public int? PerDeviceTrainBatchSize { get; init; }

    /// <summary>Micro-batches of a step.</summary>
    public int? GradientAccumulationSteps { get; init; }

    /// <summary>Highest learning rate.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Shape of the learning rate.</summary>
    public string? LrSchedulerType { get; init; }

    /// <summary>What that shape has beside, as JSON: {"num_cycles": 2}, or whatever Hugging Face's schedule of that name takes.</summary>
    public JsonElement? LrSchedulerKwargs { get; init; }

    /// <summary>Steps over which the rate rises.</summary>
    public int? WarmupSteps { get; init; }

    /// <summary>Share of the steps over which the rate rises.</summary>
    public double? WarmupRatio { get; init; }

    /// <summary>Weight decay.</summary>
    /// <value>0.</value>
    public double WeightDecay { get; init; }

    /// <summary>First moment's decay.</summary>
    /// <value>0.9.</value>
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>Second moment's decay.</summary>
    /// <value>0.999.</value>
    public double AdamBeta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment.</summary>
    /// <value>1e-8.</value>
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Norm that gradients are clipped to; 0 for none.</summary>
    public double? MaxGradNorm { get; init; }

    /// <summary>Share of the target spread over all tokens.</summary>
    /// <value>0.</value>
    public double LabelSmoothingFactor { get; init; }

    /// <summary>What a step's loss is the mean of: all its targets, as transformers does since 4.46, or the means of its micro-batches, as before.</summary>
    /// <value><see cref="LossMean.OfTargets"/>.</value>
    public LossMean LossMean { get; init; } = LossMean.OfTargets;

    /// <summary>Share of the tokens that <c>task_type mlm</c> has guessed.</summary>
    /// <value>0.15.</value>
    public double MlmProbability { get; init; } = 0.15;

    /// <summary>Most neighbouring tokens that <c>task_type mlm</c> hides together, as words have them; shorter spans are more frequent.</summary>
    /// <value>1.</value>
    public int MlmSpan { get; init; } = 1;

    /// <summary>Share of the names that are hidden from r-bert and bert-cls while they train, so that they learn the words around a name.</summary>
    public double? NameMaskProbability { get; init; }

    /// <summary>Share of a row's target that the linear baseline gives, trained on the other rows, for r-bert and bert-cls; the label gives the rest.</summary>
    public double? TeacherShare { get; init; }

    /// <summary>Share of every answer that the linear baseline gives, trained on the same rows and kept beside r-bert and bert-cls; the network gives the rest.</summary>
    public double? LinearShare { get; init; }

    /// <summary>Passes over the rows' sentences in which r-bert and bert-cls guess hidden tokens before they learn labels.</summary>
    public double? AdaptEpochs { get; init; }

    /// <summary>Noise on embeddings in training (NEFTune).</summary>
    public double? NeftuneNoiseAlpha { get; init; }

    /// <summary>Hugging Face's name of the optimizer: one of AdamW, of AdamW with moments in 8 bits, or sgd.</summary>
    /// <value><c>adamw_torch</c>.</value>
    public string Optim { get; init; } = "adamw_torch";

    /// <summary>Seed of row order, adapters and dropout.</summary>
    /// <value>42.</value>
    public int Seed { get; init; } = 42;

    /// <summary>Order of the rows.</summary>
    /// <value><see cref="RowSampling.Random"/>.</value>
    public RowSampling TrainSamplingStrategy { get; init; } = RowSampling.Random;

    /// <summary>Rank of the adapters.</summary>
    /// <value>64.</value>
    public int LoraRank { get; init; } = 64;

    /// <summary>Numerator of the adapters' scale.</summary>
    public double? LoraAlpha { get; init; }

    /// <summary>Dropout before the adapters.</summary>
    /// <value>0.05.</value>
    public double LoraDropout { get; init; } = 0.05;

    /// <summary>Layers that get an adapter; null for all linear layers but the head.</summary>
    public IReadOnlyList<string>? LoraTargetModules { get; init; }

    /// <summary>Scale by the square root of the rank.</summary>
    /// <value>False.</value>
    public bool UseRslora { get; init; }

    /// <summary>Learn magnitudes of their own beside the adapters (DoRA).</summary>
    /// <value>False.</value>
    public bool UseDora { get; init; }

    /// <summary>Modules that train whole beside the adapters, e.g. lm_head or embed_tokens.</summary>
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    /// <summary>How much faster the adapters' second matrix learns than the first (LoRA+).</summary>
    public double? LoraplusLrRatio { get; init; }

    /// <summary>Type that weights are rounded to before they are quantised.</summary>
    public string? ModelLoadDtype { get; init; }

    /// <summary>Whether layers are computed again in the backward pass; null: a language model's where memory asks for it. Results are the same.</summary>
    public bool? GradientCheckpointing { get; init; }

    /// <summary>Compute type: auto, fp32 or bf16.</summary>
    /// <value><c>auto</c>.</value>
    public string Dtype { get; init; } = "auto";

    /// <summary>bf16 where the processor multiplies it.</summary>
    /// <value>False.</value>
    public bool Bf16 { get; init; }

    /// <summary>The same as <see cref="Bf16"/>: the range of fp16 is too small to be worth its speed here.</summary>
    /// <value>False.</value>
    public bool Fp16 { get; init; }

    /// <summary>Device.</summary>
    /// <value><c>cpu</c>.</value>
    public string Device { get; init; } = "cpu";

    /// <summary>Threads; 0 for one a core.</summary>
    /// <value>0.</value>
    public int Threads { get; init; }

    /// <summary>Seconds that a rank may keep the others waiting for it while it lives.</summary>
    /// <value>1800.</value>
    public int DdpTimeout { get; init; } = 1800;

    /// <summary>Seconds without a sign of life after which a rank counts as lost and all others end.</summary>
    /// <value>30.</value>
    public int RankTimeout { get; init; } = 30;

    /// <summary>Compute what all rows of a micro-batch begin with once; changes nothing but the time.</summary>
    /// <value>True.</value>
    public bool SharedPrefix { get; init; } = true;

    /// <summary>Compute head and last feed-forward part only where something is learnt; changes nothing but the time.</summary>
    /// <value>True.</value>
    public bool SupervisedOnly { get; init; } = true;

    /// <summary>Fill rows up to the longest of the micro-batch, as other programs must; changes nothing but the time.</summary>
    /// <value>False.</value>
    public bool PadRows { get; init; }

    /// <summary>Steps between lines of progress.</summary>
    /// <value>10.</value>
    public int LoggingSteps { get; init; } = 10;

    /// <summary>When checkpoints are written: steps, epoch or no.</summary>
    /// <value><c>steps</c>.</value>
    public string SaveStrategy { get; init; } = "steps";

    /// <summary>Steps between checkpoints.</summary>
    /// <value>500.</value>
    public int SaveSteps { get; init; } = 500;

    /// <summary>Newest checkpoints to keep; null for all.</summary>
    public int? SaveTotalLimit { get; init; }

    /// <summary>When to evaluate: no, steps or epoch.</summary>
    /// <value><c>no</c>.</value>
    public string EvalStrategy { get; init; } = "no";

    /// <summary>Steps between evaluations.</summary>
    public int? EvalSteps { get; init; }

    /// <summary>End with the best checkpoint instead of the last.</summary>
    /// <value>False.</value>
    public bool LoadBestModelAtEnd { get; init; }

    /// <summary>Metric of an evaluation that says which is best; null for weighted_f1 where rows have labels, else loss.</summary>
    public string? MetricForBestModel { get; init; }

    /// <summary>Whether a higher metric is better; null for yes unless it is a loss.</summary>
    public bool? GreaterIsBetter { get; init; }

    /// <summary>Evaluations in a row without a better one that end the run.</summary>
    public int? EarlyStoppingPatience { get; init; }

    /// <summary>Share of the training rows cut off, by sentence, to evaluate on.</summary>
    /// <value>0.</value>
    public double GroupSplit { get; init; }

    /// <summary>Folder of computed features that runs of bert-bigru-att share; null for features/ in the output folder.</summary>
    public string? FeatureCache { get; init; }

    /// <summary>Go on with the newest checkpoint (true) or a named one.</summary>
    public string? ResumeFromCheckpoint { get; init; }

    /// <summary>Processes that share the rows; no key, since the start of the program decides.</summary>
    internal int WorldSize { get; init; } = 1;

    /// <summary>Those of them on this machine, which share its memory.</summary>
    internal int LocalWorldSize { get; init; } = 1;
}

/// <summary>Which parameters train.</summary>
public enum TrainMode
{
    /// <summary>All.</summary>
    Full,

    /// <summary>Adapters beside the stored weights.</summary>
    Lora,

    /// <summary>Adapters beside weights in 4 bits.</summary>
    Qlora,
}

/// <summary>What is learnt.</summary>
public enum TaskType
{
    /// <summary>Answers to prompts.</summary>
    Sft,

    /// <summary>All tokens of texts.</summary>
    Pretrain,

    /// <summary>Hidden tokens of texts.</summary>
    Mlm,
}
