using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Guanxi.Relations.Artifacts;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tokenization;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>An encoder that learns to guess hidden tokens of texts: the start of every classifier that stands on one.</summary>
internal sealed class MaskedLanguageSubject : TrainingSubject
{
    private readonly TrainArguments _arguments;
    private readonly SubjectContext _run;
    private readonly EncoderModel _model;
    private readonly MaskedTokenTask? _evaluation;

    private MaskedLanguageSubject(TrainArguments arguments, SubjectContext run, Texts texts, EncoderModel model)
    {
        (_arguments, _run, _model) = (arguments, run, model);
        Parameters = TrainableParameter.AllOf(model.Encoder);
        Options = arguments.ToOptions(texts.Train.Count, hasLabels: false);
        model.Encoder.UseCheckpointing = Options.GradientCheckpointing;
        Task = TaskOf(texts.Train, Options.NextToken.LabelSmoothing);
        _evaluation = texts.Evaluation.Count == 0 ? null : TaskOf(texts.Evaluation, labelSmoothing: 0);
        DataFingerprint = texts.Fingerprint();

        MaskedTokenTask TaskOf(IReadOnlyList<int[]> rows, double labelSmoothing) =>
            new(model.Encoder, rows, texts.Special, arguments.MlmProbability, labelSmoothing) { LongestSpan = arguments.MlmSpan };
    }

    /// <inheritdoc/>
    public override ITrainingTask Task { get; }

    /// <inheritdoc/>
    public override TrainingOptions Options { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<TrainableParameter> Parameters { get; }

    /// <inheritdoc/>
    public override bool HasLabels => false;

    /// <inheritdoc/>
    public override long ParameterCount => _model.Config.ParameterCount;

    /// <inheritdoc/>
    public override string DataFingerprint { get; }

    /// <summary>As <see cref="TrainingSubject.Open"/>, for an encoder.</summary>
    public static MaskedLanguageSubject Open(TrainArguments arguments, SubjectContext run)
    {
        var folder = arguments.ModelNameOrPath!;
        var texts = Texts.Read(arguments, EncoderConfig.Read(folder), TokenizerLoader.Load(folder));
        var options = new EncoderModelOptions
        {
            ComputeType = run.ComputeType, Device = run.Device, Storage = WeightStorage.Float32, Head = EncoderHead.MaskedLanguage, Seed = arguments.Seed,
        };
        var hasWeights = LanguageModel.HasWeights(folder);
        if (!hasWeights)
        {
            run.Progress.Note($"{folder} has no weights: pretraining begins from random ones");
        }

        var model = hasWeights ? EncoderModel.Load(folder, options) : EncoderModel.Fresh(folder, options);
        try
        {
            return new MaskedLanguageSubject(arguments, run, texts, model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<KeyValuePair<string, double>> Evaluate(Trainer trainer, CancellationToken stop) =>
        _evaluation is null ? [] : [KeyValuePair.Create(RunMetrics.Loss, trainer.Evaluate(_evaluation, stop))];

    /// <inheritdoc/>
    public override void WriteWeights(string folder) => _model.Save(folder, _model.Config.StorageType ?? DType.Float32);

    /// <inheritdoc/>
    public override void Finish(IReadOnlyDictionary<string, double> metrics) =>
        TrainingArtifact.Finish(_arguments, _model.Folder, _model.Tokenizer, new ArtifactInfo { Metrics = metrics }, _run.ComputeType);

    /// <inheritdoc/>
    public override void Dispose() => _model.Dispose();

    /// <summary>The texts of a run as rows of tokens.</summary>
    private sealed record Texts(IReadOnlyList<int[]> Train, IReadOnlyList<int[]> Evaluation, MaskingTokens Special)
    {
        public static Texts Read(TrainArguments arguments, EncoderConfig config, ITokenizer tokenizer)
        {
            var length = arguments.MaxSeqLength!.Value;
            List<Problem> problems = [];
            if (length > config.MaxPositions)
            {
                problems.Add(new Problem("max_seq_length", "it is more than the model's positions", $"at most {config.MaxPositions}", $"{length}"));
            }

            if (tokenizer.VocabularySize > config.VocabularySize)
            {
                problems.Add(new Problem(
                    "model_name_or_path", "the tokenizer has more tokens than the model", $"at most {config.VocabularySize}", $"{tokenizer.VocabularySize}"));
            }

            if (problems.Count > 0)
            {
                throw new OptionsException(problems);
            }

            var special = MaskingTokens.Of(tokenizer, arguments.ModelNameOrPath!);
            return new Texts(
                PackedText.Read(arguments.TrainFile!, tokenizer, special, length),
                arguments.EvalFile is null ? [] : PackedText.Read(arguments.EvalFile, tokenizer, special, length),
                special);
        }

        public string Fingerprint()
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var row in Train.Concat(Evaluation))
            {
                hash.AppendData(MemoryMarshal.AsBytes<int>(row));
            }

            return Convert.ToHexStringLower(hash.GetCurrentHash());
        }
    }
}
