using Guanxi.Relations.Artifacts;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Encoders;

/// <summary>A classifier that stands on an encoder: one class for every method.</summary>
internal abstract class PairModel : IDisposable
{
    private readonly PairEncoder _encoder;

    private protected PairModel(EncoderModel below, PairForm form, int maxLength)
    {
        Below = below;
        MaxLength = maxLength;
        _encoder = new PairEncoder(below.RequireTokenizer(), form, maxLength);
    }

    /// <summary>The encoder.</summary>
    public EncoderModel Below { get; }

    /// <summary>Most tokens of a row.</summary>
    public int MaxLength { get; }

    /// <summary>Names of the classes, in the order of the scores.</summary>
    public abstract IReadOnlyList<string> Labels { get; }

    /// <summary>Compute type of evaluations.</summary>
    public ForwardContext Evaluation => Below.Evaluation;

    /// <summary>All parameters, those that do not train counted.</summary>
    public abstract long ParameterCount { get; }

    /// <summary>Loads a trained model.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="info">What the folder says of itself, its method at least.</param>
    /// <param name="options">Compute type and device.</param>
    /// <returns>The model, owned by the caller.</returns>
    /// <exception cref="CheckpointException">A file is missing or damaged, or the parts do not belong together.</exception>
    public static PairModel Load(string folder, ArtifactInfo info, LanguageModelOptions options)
    {
        var form = new EncoderModelOptions { ComputeType = options.ComputeType, Device = options.Device };
        var below = EncoderModel.Load(folder, info.Method == Methods.BertBiGruAtt ? form with { Head = EncoderHead.None } : form);
        try
        {
            info.Require(below.RequireTokenizer(), folder);
            var length = Math.Min(info.MaxLength ?? below.Config.MaxPositions, below.Config.MaxPositions);
            return info.Method == Methods.BertBiGruAtt
                ? new BiGruPairModel(below, BiGruAttention.Load(Path.Combine(folder, BiGruAttention.FileName)), info.Labels, length)
                : new TunedPairModel(below, Require(folder, info.Method!, below.Config), length);
        }
        catch
        {
            below.Dispose();
            throw;
        }
    }

    /// <summary>Makes a model to be trained.</summary>
    /// <param name="folder">The base's folder.</param>
    /// <param name="method">The method.</param>
    /// <param name="labels">Classes to tell apart.</param>
    /// <param name="maxLength">Most tokens of a row.</param>
    /// <param name="options">Compute type, device and seed.</param>
    /// <returns>The model, owned by the caller.</returns>
    /// <exception cref="CheckpointException">The base is unfit.</exception>
    public static PairModel Begin(string folder, string method, IReadOnlyList<string> labels, int maxLength, EncoderModelOptions options)
    {
        options = method switch
        {
            Methods.RBert => options with { Storage = WeightStorage.Float32, Head = EncoderHead.EntityPair, Labels = labels },
            Methods.BertCls => options with { Storage = WeightStorage.Float32, Head = EncoderHead.Classification, Labels = labels },
            _ => options with { Head = EncoderHead.None },
        };
        var below = LanguageModel.HasWeights(folder) ? EncoderModel.Load(folder, options) : EncoderModel.Fresh(folder, options);
        try
        {
            return method == Methods.BertBiGruAtt
                ? new BiGruPairModel(below, BiGruAttention.Fresh(new BiGruShape(below.Config.HiddenSize, labels.Count), options.Seed), labels, maxLength)
                : new TunedPairModel(below, method == Methods.RBert ? PairForm.RBert : PairForm.BertCls, maxLength);
        }
        catch
        {
            below.Dispose();
            throw;
        }
    }

    /// <summary>Encodes a row.</summary>
    /// <param name="example">The row; both names occur in its text.</param>
    /// <returns>Its tokens.</returns>
    public EncodedPair Encode(RelationExample example) => _encoder.Encode(example);

    /// <summary>Marks what trains.</summary>
    /// <returns>The parameters.</returns>
    public abstract IReadOnlyList<TrainableParameter> StartTraining();

    /// <summary>Scores of the classes.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="context">Compute type and dropout.</param>
    /// <returns>[B, K]; new, owned by the current scope.</returns>
    public abstract Tensor Logits(IReadOnlyList<EncodedPair> rows, ForwardContext context);

    /// <summary>Writes what trains, as it is now.</summary>
    /// <param name="folder">An existing folder.</param>
    public abstract void WriteTrained(string folder);

    /// <summary>Writes what does not train, once.</summary>
    /// <param name="folder">An existing folder.</param>
    public virtual void WriteFrozen(string folder)
    {
    }

    /// <summary>Releases the model.</summary>
    public virtual void Dispose() => Below.Dispose();

    private static PairForm Require(string folder, string method, EncoderConfig config)
    {
        var (head, form) = method == Methods.RBert ? (EncoderHead.EntityPair, PairForm.RBert) : (EncoderHead.Classification, PairForm.BertCls);
        return config.Head == head ? form : throw new CheckpointException(new Problem(
            folder, $"the model has not the head of method {method}", $"{head}", $"{config.Head}", "Train it with that method first."));
    }
}

/// <summary>An encoder that trains as a whole, with a head of its own: R-BERT, and the classification of [CLS].</summary>
internal sealed class TunedPairModel(EncoderModel below, PairForm form, int maxLength) : PairModel(below, form, maxLength)
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Labels => Below.Config.Labels;

    /// <inheritdoc/>
    public override long ParameterCount => Below.Config.ParameterCount;

    /// <inheritdoc/>
    public override IReadOnlyList<TrainableParameter> StartTraining() => TrainableParameter.AllOf(Below.Encoder);

    /// <inheritdoc/>
    public override Tensor Logits(IReadOnlyList<EncodedPair> rows, ForwardContext context)
    {
        var batch = TokenBatch.Of([.. rows.Select(row => row.Ids)]);
        return Below.Config.Head == EncoderHead.EntityPair
            ? Below.Encoder.ClassifyPair(batch, [.. rows.Select(row => row.Spans)], usesPooler: true, context)
            : Below.Encoder.Classify(batch, context);
    }

    /// <inheritdoc/>
    public override void WriteTrained(string folder) => Below.Save(folder, Below.Config.StorageType ?? DType.Float32);
}

/// <summary>A BiGRU with attention over the second-to-last layer of an encoder that does not train.</summary>
internal sealed class BiGruPairModel(EncoderModel below, BiGruAttention head, IReadOnlyList<string> labels, int maxLength)
    : PairModel(below, PairForm.BiGru, maxLength)
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Labels => labels;

    /// <inheritdoc/>
    public override long ParameterCount => Below.Config.ParameterCount + head.NamedParameters().Sum(item => item.Parameter.Value.ElementCount);

    /// <summary>Features of rows that are read again and again; null: they are computed whenever they are needed.</summary>
    public FeatureFile? Known { get; set; }

    /// <summary>Computes features.</summary>
    /// <param name="ids">Tokens of rows.</param>
    /// <returns>[N, C], Float32 on the CPU; new, owned by the current scope.</returns>
    public Tensor Features(IReadOnlyList<int[]> ids)
    {
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        return scope.Keep(Below.Encoder.InnerStates(TokenBatch.Of(ids), Below.Config.LayerCount - 1, Evaluation).To(DType.Float32).ToDevice(Device.Cpu));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<TrainableParameter> StartTraining() => TrainableParameter.AllOf(head);

    /// <inheritdoc/>
    public override Tensor Logits(IReadOnlyList<EncodedPair> rows, ForwardContext context)
    {
        using var scope = TensorScope.Enter();
        int[][] ids = [.. rows.Select(row => row.Ids)];
        var features = Known?.Find(ids) ?? Features(ids);
        return scope.Keep(head.Classify(features, SequenceLayout.Rows([.. ids.Select(row => row.Length)], 0), context.Dropout));
    }

    /// <inheritdoc/>
    public override void WriteTrained(string folder) => head.Save(folder);

    /// <inheritdoc/>
    public override void WriteFrozen(string folder) => Below.Save(folder, null);

    /// <inheritdoc/>
    public override void Dispose()
    {
        Known?.Dispose();
        head.Dispose();
        base.Dispose();
    }
}
