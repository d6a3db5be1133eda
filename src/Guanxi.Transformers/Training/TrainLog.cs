using System.Buffers;
using System.Text.Json;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Training;

/// <summary>What is known about an optimizer step after it was done.</summary>
/// <param name="Step">Its number, from 1.</param>
/// <param name="Epoch">Epochs done after it, with a fraction.</param>
/// <param name="Loss">Mean over the step's supervised tokens of all its micro-batches.</param>
/// <param name="LearningRate">Rate that the step used.</param>
/// <param name="GradNorm">Norm of the gradient before clipping.</param>
/// <param name="Tokens">Tokens of the step.</param>
/// <param name="Examples">Rows of the step.</param>
/// <param name="Seconds">Time it took.</param>
/// <param name="TokensPerSecond">Tokens by time.</param>
/// <param name="RssBytes">Resident memory of the process.</param>
public sealed record TrainStep(
    long Step,
    double Epoch,
    double Loss,
    double LearningRate,
    double GradNorm,
    long Tokens,
    long Examples,
    double Seconds,
    double TokensPerSecond,
    long RssBytes);

/// <summary>An evaluation after an optimizer step.</summary>
/// <param name="Step">The step.</param>
/// <param name="Metrics">Names without the prefix <c>eval_</c> (<c>loss</c>, <c>weighted_f1</c>) and values, in order.</param>
public sealed record EvalStep(long Step, IReadOnlyList<KeyValuePair<string, double>> Metrics);

/// <summary>Writes <c>train_log.jsonl</c>: one JSON object a line for every optimizer step and every evaluation.</summary>
/// <remarks>Every line goes to the operating system whole, so a killed run keeps all of them. What is no finite number is null.</remarks>
public sealed class TrainLog : IDisposable
{
    private const byte LineEnd = (byte)'\n';

    private readonly FileStream _file;
    private readonly ArrayBufferWriter<byte> _line = new();

    private TrainLog(FileStream file) => _file = file;

    /// <summary>Begins a new log; one that is there is overwritten.</summary>
    /// <param name="path">Path of the file.</param>
    /// <returns>The open log.</returns>
    /// <exception cref="CheckpointException">The file cannot be made.</exception>
    public static TrainLog Create(string path) => new(Guarded(path, () => Open(path, FileMode.Create)));

    /// <summary>Goes on with the log of an interrupted run: lines of steps that will be done again are cut off.</summary>
    /// <param name="path">Path of the file; a missing one is begun.</param>
    /// <param name="lastStep">Last step that the checkpoint holds.</param>
    /// <returns>The open log.</returns>
    /// <exception cref="CheckpointException">The file cannot be opened, or a line before its last is damaged.</exception>
    public static TrainLog Resume(string path, long lastStep) => Guarded(path, () =>
    {
        var file = Open(path, FileMode.OpenOrCreate);
        try
        {
            file.SetLength(TrainLogScan.LengthUpTo(file, path, lastStep));
            file.Seek(0, SeekOrigin.End);
            return new TrainLog(file);
        }
        catch
        {
            // Not handled: only the file must not stay open.
            file.Dispose();
            throw;
        }
    });

    /// <summary>Adds the line of an optimizer step.</summary>
    /// <param name="step">The step.</param>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void Write(TrainStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        WriteLine(json =>
        {
            json.WriteNumber("step", step.Step);
            WriteNumber(json, "epoch", step.Epoch);
            WriteNumber(json, "loss", step.Loss);
            WriteNumber(json, "learning_rate", step.LearningRate);
            WriteNumber(json, "grad_norm", step.GradNorm);
            json.WriteNumber("tokens", step.Tokens);
            json.WriteNumber("examples", step.Examples);
            WriteNumber(json, "seconds", step.Seconds);
            WriteNumber(json, "tokens_per_second", step.TokensPerSecond);
            json.WriteNumber("rss_bytes", step.RssBytes);
        });
    }

    /// <summary>Adds the line of an evaluation.</summary>
    /// <param name="step">The evaluation.</param>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void Write(EvalStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        WriteLine(json =>
        {
            json.WriteNumber("step", step.Step);
            foreach (var (name, value) in step.Metrics)
            {
                WriteNumber(json, $"eval_{name}", value);
            }
        });
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static FileStream Open(string path, FileMode mode) => new(path, mode, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);

    private static T Guarded<T>(string path, Func<T> act) => FileErrors.WrappedWriting(path, "the training log cannot be written", act);

    private static void WriteNumber(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumber(name, value);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    private void WriteLine(Action<Utf8JsonWriter> write)
    {
        _line.ResetWrittenCount();
        using (var json = new Utf8JsonWriter(_line))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        _line.Write([LineEnd]);
        Guarded(_file.Name, () =>
        {
            _file.Write(_line.WrittenSpan);
            return true;
        });
    }
}
