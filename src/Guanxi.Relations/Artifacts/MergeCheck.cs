using Guanxi.Relations.Formats;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Artifacts;

/// <summary>How far two forms of a model, e.g. an adapter beside its base and merged into it, agree on data.</summary>
/// <param name="MaxLogitDifference">Largest difference of a logit, over all positions of all rows and all tokens.</param>
/// <param name="LabelsChanged">Rows whose label differs; where rows name no people: rows with a learnt token for which another is the best.</param>
/// <param name="Rows">Rows that were compared.</param>
public sealed record MergeCheck(double MaxLogitDifference, int LabelsChanged, int Rows)
{
    // Few rows a pass: a logit for every token of the vocabulary at every position takes memory.
    private const int RowsAtOnce = 4;

    /// <summary>Compares two forms of a model.</summary>
    /// <param name="before">Path of the first.</param>
    /// <param name="after">Path of the second.</param>
    /// <param name="options">How to load both.</param>
    /// <param name="data">Rows in any form that training reads.</param>
    /// <param name="progress">Told how many rows are done; null for nobody.</param>
    /// <param name="stop">Ends the work between batches.</param>
    /// <returns>The comparison.</returns>
    /// <exception cref="CheckpointException">A model cannot be read.</exception>
    /// <exception cref="OptionsException">The rows are wrong, or do not fit the model.</exception>
    public static MergeCheck Compare(
        string before, string after, LanguageModelOptions options, Dataset data, IProgress<int>? progress, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (data.Kind == DatasetKind.Relations)
        {
            return CompareClassifiers(before, after, options, data, progress, stop);
        }

        using var first = LanguageModel.Load(before, options);
        using var second = LanguageModel.Load(after, options with { BaseModel = null });
        var rows = data.Kind == DatasetKind.Tokenized
            ? [.. data.Tokenized.Select(row => new TokenSequence(row.InputIds, row.Labels))]
            : Encode(data.Instructions, first);
        return new Comparison(first, second, progress, stop).Run(rows, (logits, row) => SupervisedChoices(logits, row));
    }

    private static TokenSequence[] Encode(IReadOnlyList<InstructionExample> rows, LanguageModel model)
    {
        var encoder = new InstructionEncoder(model.RequireTokenizer());
        return [.. rows.Select(row => encoder.EncodeRow(row, model.Config.LongestRow))];
    }

    private static MergeCheck CompareClassifiers(
        string before, string after, LanguageModelOptions options, Dataset data, IProgress<int>? progress, CancellationToken stop)
    {
        var overrides = new TaskOverrides { SchemaIfNone = () => RelationSchema.FromData(data.Relations.Select(row => row.Label!), data.File) };
        using var first = TrainedModel.Load(before, options, overrides);
        using var second = TrainedModel.Load(after, options with { BaseModel = null }, overrides);
        var encoder = new InstructionEncoder(first.RequireModel().RequireTokenizer());
        var examples = data.Relations;
        var rows = examples.Select(row => encoder.EncodeRow(first.Template!.Render(row), row.Label!, first.RequireModel().Config.LongestRow)).ToArray();
        var logits = new Comparison(first.RequireModel(), second.RequireModel(), progress, stop).Run(rows, null);
        var changed = examples.Chunk(RowsAtOnce * 8).Sum(chunk =>
        {
            stop.ThrowIfCancellationRequested();
            return first.Classifier.Classify(chunk).Zip(second.Classifier.Classify(chunk)).Count(pair => pair.First.Prediction?.Label != pair.Second.Prediction?.Label);
        });
        return logits with { LabelsChanged = changed };
    }

    /// <summary>The best tokens at the positions whose next token is learnt.</summary>
    private static string SupervisedChoices(Tensor logits, TokenSequence row)
    {
        using var scope = TensorScope.Enter();
        var best = logits.ArgMax(-1).ToArray<long>();
        return string.Join(' ', Enumerable.Range(1, row.Labels.Length - 1).Where(at => row.Labels[at] != TokenSequence.Ignored).Select(at => best[at - 1]));
    }

    private sealed class Comparison(LanguageModel before, LanguageModel after, IProgress<int>? progress, CancellationToken stop)
    {
        public MergeCheck Run(TokenSequence[] rows, Func<Tensor, TokenSequence, string>? choices)
        {
            var (largest, changed, done) = (0.0, 0, 0);
            foreach (var chunk in rows.Chunk(RowsAtOnce))
            {
                stop.ThrowIfCancellationRequested();
                using var mode = Autograd.NoGrad();
                using var scope = TensorScope.Enter();
                var batch = TokenBatch.Of([.. chunk.Select(row => row.Tokens)]);
                var (first, second) = (Logits(before, batch), Logits(after, batch));
                largest = Math.Max(largest, (first - second).Abs().Max().Item());
                var start = 0;
                foreach (var row in chunk)
                {
                    changed += choices is null || choices(first.Narrow(0, start, row.Tokens.Length), row) == choices(second.Narrow(0, start, row.Tokens.Length), row) ? 0 : 1;
                    start += row.Tokens.Length;
                }

                done += chunk.Length;
                progress?.Report(done);
            }

            return new MergeCheck(largest, changed, rows.Length);
        }

        private static Tensor Logits(LanguageModel model, TokenBatch batch) =>
            model.Decoder.Logits(model.Decoder.Forward(batch, model.Evaluation), model.Evaluation).To(DType.Float32); // [tokens, V]
    }
}
