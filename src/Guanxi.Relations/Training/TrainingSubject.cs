using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>What a run trains: a model in memory and the rows of its task. There is one for each kind of model; the run is the same.</summary>
internal abstract class TrainingSubject : IDisposable
{
    /// <summary>The rows to learn from, and their loss.</summary>
    public abstract ITrainingTask Task { get; }

    /// <summary>How they are learnt.</summary>
    public abstract TrainingOptions Options { get; }

    /// <summary>What trains.</summary>
    public abstract IReadOnlyList<TrainableParameter> Parameters { get; }

    /// <summary>Whether the rows that evaluations choose by have labels to be scored.</summary>
    public abstract bool HasLabels { get; }

    /// <summary>All parameters of the model, adapters not counted.</summary>
    public abstract long ParameterCount { get; }

    /// <summary>Hash over everything that is learnt from.</summary>
    public abstract string DataFingerprint { get; }

    /// <summary>Loads the model and reads the rows that the arguments name.</summary>
    /// <param name="arguments">Arguments without gaps.</param>
    /// <param name="defaults">Where the prompt comes from when none was given.</param>
    /// <param name="run">What the subject gets from its run.</param>
    /// <exception cref="OptionsException">Data, prompt or arguments are wrong.</exception>
    /// <exception cref="CheckpointException">The base is unfit.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static TrainingSubject Open(TrainArguments arguments, TrainingDefaults defaults, SubjectContext run) => arguments switch
    {
        { TaskType: TaskType.Mlm } => MaskedLanguageSubject.Open(arguments, run),
        { Method: Methods.Llm } => LanguageModelSubject.Open(arguments, defaults, run),
        _ => ClassificationSubject.Open(arguments, run),
    };

    /// <summary>Measures the model on the rows kept for that.</summary>
    /// <param name="trainer">The trainer between two steps.</param>
    /// <param name="stop">Breaks it off.</param>
    /// <returns>Names without the prefix of logs, and values.</returns>
    /// <exception cref="OperationCanceledException">It was broken off.</exception>
    public abstract IReadOnlyList<KeyValuePair<string, double>> Evaluate(Trainer trainer, CancellationToken stop);

    /// <summary>Writes weights and configuration as they are now.</summary>
    /// <param name="folder">An existing folder.</param>
    public abstract void WriteWeights(string folder);

    /// <summary>Writes what makes the output folder an artefact, once its weights are there.</summary>
    /// <param name="metrics">Figures that the model reached.</param>
    public abstract void Finish(IReadOnlyDictionary<string, double> metrics);

    /// <summary>Releases the model.</summary>
    public abstract void Dispose();
}

/// <summary>What a subject gets from its run.</summary>
/// <param name="ComputeType">Type of activations and products.</param>
/// <param name="Device">Where the model computes.</param>
/// <param name="IsFirst">Whether this process is rank 0, which alone evaluates and writes.</param>
/// <param name="Progress">Told of what is odd.</param>
/// <param name="Stop">Ends preparations that take long.</param>
internal sealed record SubjectContext(DType ComputeType, Device Device, bool IsFirst, ITrainingProgress Progress, CancellationToken Stop);
