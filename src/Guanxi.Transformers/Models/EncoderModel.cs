using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Transformers.Models;

/// <summary>An encoder in memory with what belongs to it: configuration and tokenizer.</summary>
public sealed class EncoderModel : IDisposable
{
    private readonly CheckpointReader? _reader;
    private readonly LoadedTokenizer _tokenizer;

    private EncoderModel(string folder, EncoderModelOptions options, Encoder encoder, CheckpointReader? reader)
    {
        Folder = folder;
        Encoder = encoder;
        Evaluation = new ForwardContext(options.ComputeType, null);
        _reader = reader;
        _tokenizer = new LoadedTokenizer(() => TokenizerLoader.Load(folder));
    }

    /// <summary>Folder of the model.</summary>
    public string Folder { get; }

    /// <summary>The model.</summary>
    public Encoder Encoder { get; }

    /// <summary>Shape and constants of the model.</summary>
    public EncoderConfig Config => Encoder.Config;

    /// <summary>The tokenizer; null when there is none or it cannot be read.</summary>
    public ITokenizer? Tokenizer => _tokenizer.Value;

    /// <summary>A forward pass in the compute type without dropout.</summary>
    public ForwardContext Evaluation { get; }

    /// <summary>Whether a folder's configuration says that its model is an encoder.</summary>
    /// <param name="folder">A model folder.</param>
    /// <returns>False also when there is no configuration, or a damaged one.</returns>
    public static bool IsEncoder(string folder)
    {
        try
        {
            var root = JsonFile.ReadObject(Path.Combine(folder, DecoderConfig.FileName), ConfigKeys.MaxFileBytes);
            return root.TryGetProperty("model_type", out var type) && type.ValueEquals(EncoderConfig.ModelType);
        }
        catch (Exception error) when (error is CheckpointException or InvalidOperationException)
        {
            // Whoever reads it as a model is told what is wrong with it.
            return false;
        }
    }

    /// <summary>Loads a model.</summary>
    /// <param name="folder">A Hugging Face model folder.</param>
    /// <param name="options">Form in memory, head, compute type and device.</param>
    /// <returns>The model, owned by the caller.</returns>
    /// <exception cref="CheckpointException">
    /// A file is missing, damaged or of a kind that is not supported; all problems are listed.
    /// </exception>
    public static EncoderModel Load(string folder, EncoderModelOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(options);
        var config = EncoderConfig.Read(folder);
        var reader = CheckpointReader.Open(folder);
        Encoder? encoder = null;
        try
        {
            encoder = Build(config, reader, options);
            return new EncoderModel(folder, options, encoder, reader);
        }
        catch
        {
            encoder?.Dispose();
            reader.Dispose();
            throw;
        }
    }

    /// <summary>Makes a model without weights of its own: the configuration and tokenizer of a folder, and a random start.</summary>
    /// <param name="folder">A folder with config.json.</param>
    /// <param name="options">Head, compute type and seed.</param>
    /// <returns>The model in Float32 without a pooler, owned by the caller.</returns>
    /// <exception cref="CheckpointException">The configuration is missing, damaged or not supported.</exception>
    public static EncoderModel Fresh(string folder, EncoderModelOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(options);
        var config = WithHead(EncoderConfig.Read(folder), options);
        return new EncoderModel(folder, options, new Encoder(config, hasPooler: false, Fresh(config, options)), null);
    }

    /// <summary>Writes configuration and weights as a Hugging Face model folder; the tokenizer's files are not touched.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="storage">Element type of all weights; null: each as it is stored.</param>
    /// <exception cref="CheckpointException">A file cannot be written.</exception>
    public void Save(string folder, DType? storage)
    {
        ModelWriter.WriteWeights(Encoder, folder, storage, ModelWriter.DefaultShardBytes);
        (Config with { StorageType = storage ?? Encoder.NamedParameters().First().Parameter.Value.DType }).Write(folder);
    }

    /// <summary>The tokenizer, for calls that give text.</summary>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="CheckpointException">There is none, or it cannot be read.</exception>
    public ITokenizer RequireTokenizer() => _tokenizer.Require();

    /// <summary>Releases the weights and closes the files.</summary>
    public void Dispose()
    {
        Encoder.Dispose();
        _reader?.Dispose();
    }

    private static Encoder Build(EncoderConfig config, CheckpointReader reader, EncoderModelOptions options)
    {
        var names = reader.Names.ToHashSet(StringComparer.Ordinal);
        var hasPooler = Has("bert.pooler.dense.weight");
        var wanted = WithHead(config, options);
        var guessesTokens = Has("cls.predictions.transform.dense.weight");
        var isNew = EncoderConfigFile.HasClasses(wanted.Head) && !(config.Head == wanted.Head && config.Labels.SequenceEqual(wanted.Labels));
        config = options.Head is not null ? wanted : config with { Head = HeadOf(config, guessesTokens) };
        var weights = new CheckpointWeights(reader, new WeightLoading
        {
            StorageType = options.Storage == WeightStorage.Float32 ? DType.Float32 : null,
            IsMapped = options.Storage != WeightStorage.Float32 && options.Device.IsCpu,
            Device = options.Device,
        });
        var source = new EncoderWeights(names, weights, Fresh(config, options), IsFresh);
        var encoder = new Encoder(config, hasPooler, source);
        try
        {
            weights.Finish(EncoderWeights.MayBeLeft);
            return encoder;
        }
        catch
        {
            encoder.Dispose();
            throw;
        }

        bool Has(string name) => names.Contains(EncoderWeights.Find(names, name));

        bool IsFresh(string name) => wanted.Head == EncoderHead.MaskedLanguage
            ? options.Head is not null && !guessesTokens && name.StartsWith("cls.", StringComparison.Ordinal)
            : isNew && (name.StartsWith("classifier.", StringComparison.Ordinal) || EntityPairHead.Owns(name)
                || (!hasPooler && name.Contains("pooler.", StringComparison.Ordinal)));
    }

    private static RandomWeights Fresh(EncoderConfig config, EncoderModelOptions options) => new(options.Seed, config.InitializerRange, DType.Float32);

    private static EncoderConfig WithHead(EncoderConfig config, EncoderModelOptions options) => options switch
    {
        { Head: { } head } => config with { Head = head, Labels = EncoderConfigFile.HasClasses(head) ? options.Labels ?? config.Labels : [] },
        _ => config,
    };

    // Early files say that they guess tokens when they do not have the layer for it.
    private static EncoderHead HeadOf(EncoderConfig config, bool guessesTokens) =>
        config.Head == EncoderHead.MaskedLanguage && !guessesTokens ? EncoderHead.None : config.Head;
}

/// <summary>How <see cref="EncoderModel.Load"/> brings a model into memory.</summary>
public sealed record EncoderModelOptions
{
    /// <summary>Type of activations and products; <see cref="Models.ComputeType"/> finds the fast one.</summary>
    /// <value>Float32.</value>
    public DType ComputeType { get; init; } = DType.Float32;

    /// <summary>Form in which weights stay in memory: as stored, or Float32, fit to be trained.</summary>
    /// <value><see cref="WeightStorage.AsStored"/>.</value>
    public WeightStorage Storage { get; init; } = WeightStorage.AsStored;

    /// <summary>Where the model computes.</summary>
    /// <value>The CPU.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <summary>What is to stand on top; what the folder lacks of it is drawn at random, a classifier of other classes and a missing pooler too.</summary>
    /// <value>Null: the head that the folder has.</value>
    public EncoderHead? Head { get; init; }

    /// <summary>Classes to tell apart, for a <see cref="Head"/> that does.</summary>
    /// <value>Null: those of the folder.</value>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>Seed of a new head.</summary>
    /// <value>0.</value>
    public long Seed { get; init; }
}
