using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Inference;

/// <summary>Continues a sequence of tokens, greedily or by drawing.</summary>
/// <remarks>The model stays the caller's. Calls may not overlap.</remarks>
public sealed class Generator
{
    private readonly Decoder _model;
    private readonly ForwardContext _context;

    /// <summary>Makes a generator.</summary>
    /// <param name="model">The model.</param>
    /// <param name="context">Compute type.</param>
    public Generator(Decoder model, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(context);
        (_model, _context) = (model, context);
    }

    /// <summary>Continues a prompt.</summary>
    /// <param name="prompt">Ids as they are: nothing is added.</param>
    /// <param name="options">How to choose tokens and when to end.</param>
    /// <param name="onToken">Sees each new id as soon as it is chosen; null for nobody.</param>
    /// <param name="stop">Ends the work between two tokens.</param>
    /// <returns>The new ids.</returns>
    /// <exception cref="OptionsException">The options or the prompt are wrong; all problems are listed.</exception>
    /// <exception cref="CheckpointException">The model's output is not a number.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public GenerationResult Generate(IReadOnlyList<int> prompt, GenerationOptions options, Action<int>? onToken, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(options);
        Check(prompt, options);
        List<int> ids = [.. prompt];
        var seen = ids.ToHashSet();
        using var cache = options.UseCache ? new KeyValueCache(_model.Config.LayerCount) : null;
        var end = GenerationEnd.MaxNewTokens;
        for (var step = 0; step < options.MaxNewTokens; step++)
        {
            stop.ThrowIfCancellationRequested();
            if (ids.Count > _model.Config.LongestRow)
            {
                end = GenerationEnd.MaxPositions;
                break;
            }

            var scores = NextLogits(ids, cache);
            LogitProcessing.Apply(scores, seen, options);
            var id = options.IsGreedy
                ? LogitProcessing.Best(scores)
                : LogitProcessing.Draw(scores, CounterRandom.Uniform(options.Seed, step));
            ids.Add(id);
            seen.Add(id);
            onToken?.Invoke(id);
            if (options.StopIds.Contains(id))
            {
                end = GenerationEnd.StopToken;
                break;
            }
        }

        return new GenerationResult([.. ids.Skip(prompt.Count)], end);
    }

    private void Check(IReadOnlyList<int> prompt, GenerationOptions options)
    {
        List<Problem> problems = [.. options.Check()];
        var config = _model.Config;
        if (prompt.Count == 0 || prompt.Count > config.LongestRow)
        {
            problems.Add(new Problem("prompt", "its length does not fit the model", $"1 to {config.LongestRow} tokens",
                $"{prompt.Count}"));
        }

        problems.AddRange(prompt.Where(id => id < 0 || id >= config.VocabularySize).Distinct().Select(id => new Problem(
            "prompt", "an id is outside the model's vocabulary", $"0 to {config.VocabularySize - 1}", $"{id}")));
        if (problems.Count > 0)
        {
            throw new OptionsException(problems);
        }
    }

    /// <summary>Logits after the last token; reads what the cache has not.</summary>
    private float[] NextLogits(List<int> ids, KeyValueCache? cache)
    {
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        var read = cache?.Length ?? 0;
        long[] unread = [.. ids.Skip(read).Select(id => (long)id)];
        var batch = new TokenBatch(unread, SequenceLayout.Rows([unread.Length], read))
        {
            OutputRows = [unread.Length - 1],
            Cache = cache,
            AppendToCache = cache is not null,
        };
        var logits = _model.Logits(_model.Forward(batch, _context), _context).To(DType.Float32).ToArray<float>();
        TokenLogProbabilities.RefuseNotFinite(logits);
        return logits;
    }
}
