using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Encoders;
using Guanxi.Relations.Tfidf;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>A classifier on an encoder that learns labels.</summary>
internal sealed class ClassificationSubject : TrainingSubject
{
    private const int TeacherFolds = 5;

    private readonly TrainArguments _arguments;
    private readonly SubjectContext _run;
    private readonly RelationRows _rows;
    private readonly PairModel _model;
    private readonly LinearPart? _linear;
    private readonly (RelationSet Set, ClassificationTask Task)[] _evaluations;

    private ClassificationSubject(TrainArguments arguments, SubjectContext run, RelationRows rows, PairModel model)
    {
        (_arguments, _run, _rows, _model) = (arguments, run, rows, model);
        var train = new Rows(model, rows.Train) { Hidden = HiddenNamesOf(arguments, model) };
        var evaluated = rows.Sets.Select(set => (Set: set, Rows: new Rows(model, set.Rows))).ToArray();
        Tell(train.Pairs);
        if (model is TunedPairModel)
        {
            var available = run.Device.IsCpu ? AvailableMemory.Bytes() / arguments.LocalWorldSize : null;
            MemoryCheck.Require(model.Below.Config, arguments, [.. train.Pairs.Select(row => row.Ids.Length)], run.ComputeType, available);
        }

        Parameters = model.StartTraining();
        Options = arguments.ToOptions(train.Count, HasLabels);
        model.Below.Encoder.UseCheckpointing = Options.GradientCheckpointing;
        Task = new ClassificationTask(train, ClassesOf(rows.Train), arguments.LabelSmoothingFactor) { Teacher = model is TunedPairModel ? TeacherOf(arguments, run, rows) : null };
        _linear = LinearOf(arguments, run, rows);
        _evaluations = [.. evaluated.Select(item => (item.Set, new ClassificationTask(item.Rows, ClassesOf(item.Set.Rows), labelSmoothing: 0)))];
        EncodedPair[] all = [.. train.Pairs, .. evaluated.SelectMany(item => item.Rows.Pairs)];
        DataFingerprint = Fingerprint(all);
        if (model is BiGruPairModel frozen)
        {
            var folder = arguments.FeatureCache ?? Path.Combine(arguments.OutputDir!, "features");
            frozen.Known = FeatureFile.Open(folder, frozen, all.Select(row => row.Ids), run.Progress.Note, run.Stop);
        }
    }

    /// <inheritdoc/>
    public override ITrainingTask Task { get; }

    /// <inheritdoc/>
    public override TrainingOptions Options { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<TrainableParameter> Parameters { get; }

    /// <inheritdoc/>
    public override bool HasLabels => _rows.Sets.Count > 0;

    /// <inheritdoc/>
    public override long ParameterCount => _model.ParameterCount;

    /// <inheritdoc/>
    public override string DataFingerprint { get; }

    /// <summary>As <see cref="TrainingSubject.Open"/>, for an encoder.</summary>
    public static ClassificationSubject Open(TrainArguments arguments, SubjectContext run)
    {
        var folder = arguments.ModelNameOrPath!;
        var config = EncoderConfig.Read(folder);
        var length = Math.Min(arguments.MaxSeqLength!.Value, config.MaxPositions);
        if (length < arguments.MaxSeqLength)
        {
            run.Progress.Note($"rows have at most {length} tokens, the model's positions, instead of max_seq_length {arguments.MaxSeqLength}");
        }

        var rows = RelationRows.Read(arguments, run.Progress.Note);
        if (!LanguageModel.HasWeights(folder))
        {
            run.Progress.Note($"{folder} has no weights: training begins from random ones");
        }

        var options = new EncoderModelOptions { ComputeType = run.ComputeType, Device = run.Device, Seed = arguments.Seed };
        var model = PairModel.Begin(folder, arguments.Method, rows.Schema.Labels, length, options);
        try
        {
            return new ClassificationSubject(arguments, run, rows, model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<KeyValuePair<string, double>> Evaluate(Trainer trainer, CancellationToken stop)
    {
        using var classifier = new PairClassifier(_model, _rows.Schema, ownsModel: false) { Linear = _linear };
        return
        [
            .. _evaluations.SelectMany(item => RunMetrics.Scores(item.Set.Prefix, Evaluator.Predict(classifier, item.Set.Rows, null, stop))
                .Prepend(KeyValuePair.Create(item.Set.Prefix + RunMetrics.Loss, trainer.Evaluate(item.Task, stop)))),
        ];
    }

    /// <inheritdoc/>
    public override void WriteWeights(string folder) => _model.WriteTrained(folder);

    /// <inheritdoc/>
    public override void Finish(IReadOnlyDictionary<string, double> metrics)
    {
        _model.WriteFrozen(_arguments.OutputDir!);
        _linear?.Model.Save(_arguments.OutputDir!);
        TrainingArtifact.Finish(_arguments, _model.Below.Folder, _model.Below.Tokenizer, new ArtifactInfo
        {
            Method = _arguments.Method,
            Labels = _rows.Schema.Labels,
            Aliases = _rows.Schema.Aliases,
            LinearShare = _linear?.Share,
            Metrics = metrics,
        }, _run.ComputeType);
    }

    /// <inheritdoc/>
    public override void Dispose() => _model.Dispose();

    private static string Fingerprint(EncodedPair[] rows)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var row in rows)
        {
            hash.AppendData(MemoryMarshal.AsBytes<int>(row.Ids));
            hash.AppendData(MemoryMarshal.AsBytes<int>([row.Spans.First.Start, row.Spans.First.End, row.Spans.Second.Start, row.Spans.Second.End]));
        }

        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    private static Teacher? TeacherOf(TrainArguments arguments, SubjectContext run, RelationRows rows)
    {
        if (arguments.TeacherShare is not (> 0 and var share))
        {
            return null;
        }

        run.Progress.Note($"the linear baseline is trained {TeacherFolds} times, to say of every row what the others make of it");
        var probabilities = TfidfCrossValidation.Probabilities(rows.Train, rows.Schema, TeacherFolds, arguments.Seed, null, run.Stop);
        return new Teacher([.. probabilities.Select(row => Array.ConvertAll(row, value => (float)value))], share);
    }

    private static LinearPart? LinearOf(TrainArguments arguments, SubjectContext run, RelationRows rows)
    {
        if (!run.IsFirst || arguments.LinearShare is not (> 0 and var share))
        {
            return null;
        }

        run.Progress.Note($"the linear baseline is trained on the same rows, to give {share:P0} of every answer");
        return new LinearPart(TfidfModel.Train(rows.Train, rows.Schema, _ => { }, run.Stop), share);
    }

    private static HiddenNames? HiddenNamesOf(TrainArguments arguments, PairModel model) => arguments.NameMaskProbability is > 0 and var share
        ? new HiddenNames(MaskingTokens.Of(model.Below.RequireTokenizer(), arguments.ModelNameOrPath!).Mask, share)
        : null;

    private int[] ClassesOf(IReadOnlyList<RelationExample> rows) => [.. rows.Select(row => _rows.Schema.IndexOf(row.Label!))];

    private void Tell(IReadOnlyList<EncodedPair> rows)
    {
        if (rows.Count(row => row.IsCut) is > 0 and var cut)
        {
            _run.Progress.Note($"{cut} of {rows.Count} rows are longer than {_model.MaxLength} tokens: what is nearest to the two names stays");
        }
    }

    /// <summary>Encoded rows with their model.</summary>
    private sealed class Rows(PairModel model, IReadOnlyList<RelationExample> examples) : IClassifiedRows
    {
        /// <summary>Hides names while the model trains; null: none are hidden.</summary>
        public HiddenNames? Hidden { get; init; }

        public IReadOnlyList<EncodedPair> Pairs { get; } = [.. examples.Select(model.Encode)];

        public int Count => Pairs.Count;

        public int LengthOf(int row) => Pairs[row].Ids.Length;

        public Tensor Logits(IReadOnlyList<int> rows, ForwardContext context)
        {
            IReadOnlyList<EncodedPair> pairs = [.. rows.Select(row => Pairs[row])];
            return model.Logits(context.Dropout is { } key && Hidden is not null ? Hidden.In(pairs, key) : pairs, context);
        }
    }
}
